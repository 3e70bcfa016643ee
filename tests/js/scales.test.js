import assert from "node:assert/strict";
import { test } from "node:test";
import { fittedTo, formatOf } from "../../web/static/chart/scales.js";
import { linesOf } from "../../web/static/chart/studies.js";

/** @param {number} minValue @param {number} maxValue */
function seen(minValue, maxValue) {
  const [line] = linesOf(new Set(/** @type {const} */ (["rsi"])), [], []);
  const { autoscaleInfoProvider } = fittedTo(line?.levels ?? []);
  const margins = { above: 1, below: 2 };
  return autoscaleInfoProvider?.(() => ({ priceRange: { minValue, maxValue }, margins }));
}

test("the RSI is seen with the levels that it is read against", () => {
  assert.deepEqual(seen(45, 55)?.priceRange, { minValue: 30, maxValue: 70 });
  assert.deepEqual(seen(12, 91)?.priceRange, { minValue: 12, maxValue: 91 });
  assert.deepEqual(seen(45, 55)?.margins, { above: 1, below: 2 });
});

test("without a value there is nothing to fit", () => {
  assert.equal(fittedTo([30, 70]).autoscaleInfoProvider?.(() => null), null);
  assert.deepEqual(fittedTo([]), {});
});

test("each pane writes its values in its own way", () => {
  const written = (/** @type {"price" | "rsi" | "volume"} */ pane, /** @type {number} */ value) => {
    const { priceFormat } = formatOf(pane, 2);
    return "formatter" in priceFormat ? priceFormat.formatter(value) : priceFormat.type;
  };
  assert.equal(written("price", 1234.5), "1,234.50");
  assert.equal(written("rsi", -12.34567), "−12.35");
  assert.equal(written("volume", 1), "volume");
});

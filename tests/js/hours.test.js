import assert from "node:assert/strict";
import { test } from "node:test";
import { readCandle } from "../../web/static/candles.js";
import { averagesOf, withHours } from "../../web/static/hours.js";
import { row } from "./rows.js";

const NINE = { t: "2026-11-20T09:00:00Z", avg: 10, n: 2 };
const TEN = { hour_start: "2026-11-20T10:00:00Z", avg: 12, count: 1, partial: true };

test("hours of both routes stand in order, the one of more trades wins", () => {
  const hours = withHours([], [TEN, NINE]);
  assert.deepEqual(
    hours.map(({ average, trades, partial }) => [average, trades, partial]),
    [
      [10, 2, false],
      [12, 1, true],
    ],
  );
  assert.equal(withHours(hours, [NINE, { ...NINE, n: 1, avg: 3 }, null, { t: "x" }]), hours);
  assert.equal(withHours(hours, undefined), hours);
  assert.equal(withHours(hours, [{ ...NINE, n: 3, avg: 11 }])[0]?.average, 11);
});

test("each candle has the average of its hour, and none where there is none", () => {
  const hours = withHours([], [NINE]);
  const nine = Date.parse(NINE.t) / 1000;
  const candles = [nine - 60, nine, nine + 3540, nine + 3600].map((time) => {
    const candle = readCandle(row(time));
    assert.ok(candle);
    return candle;
  });
  assert.deepEqual(averagesOf(hours, candles), [null, 10, 10, null]);
});

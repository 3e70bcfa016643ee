import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT, readSettings } from "../../web/static/chart/settings.js";

test("what was kept is read again", () => {
  /** @type {import("../../web/static/chart/settings.js").Settings} */
  const kept = { interval: "4h", range: "1M", type: "line", log: true, studies: ["rsi"] };
  assert.deepEqual(readSettings(JSON.stringify(kept)), kept);
});

test("what is no setting is the default, whatever it is", () => {
  assert.deepEqual(readSettings(null), DEFAULT);
  for (const text of ["", "{", "null", "7", '"x"', "[]"]) assert.deepEqual(readSettings(text), DEFAULT);
  const odd = { interval: "toString", range: "constructor", type: 1, log: 1, studies: [null, "x", "ema"] };
  assert.deepEqual(readSettings(JSON.stringify(odd)), { ...DEFAULT, studies: ["ema"] });
});

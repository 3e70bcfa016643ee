import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE_MS, CAP_MS, SPREAD_MS_MAX, fullJitter, spreadOf } from "../../web/static/backoff.js";

const nearlyOne = () => 0.999999;

test("the wait doubles with each failure and stops growing at the cap", () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((n) => Math.round(fullJitter(n, nearlyOne)));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.equal(BASE_MS, 500);
  assert.equal(CAP_MS, 30_000);
});

test("the wait is drawn from nothing up to the ceiling", () => {
  assert.equal(
    fullJitter(3, () => 0),
    0,
  );
  assert.equal(
    fullJitter(3, () => 0.5),
    2000,
  );
});

test("a restarting server's spread is read from the reason of its close", () => {
  assert.equal(spreadOf('{"spread_ms":2000}'), 2000);
  assert.equal(spreadOf("1500"), 1500);
  assert.equal(spreadOf("restart"), null);
  assert.equal(spreadOf(""), null);
  assert.equal(spreadOf("999999999"), SPREAD_MS_MAX);
});

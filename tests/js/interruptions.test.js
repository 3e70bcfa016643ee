import assert from "node:assert/strict";
import { test } from "node:test";
import { interruptionsOf } from "../../web/static/health.js";
import { UNBROKEN, brokenBy, gatheredBy } from "../../web/static/interruptions.js";

const AT = Date.UTC(2026, 10, 20, 12, 0, 0);
/** @param {string} type @param {any} payload */
const frame = (type, payload) => ({ type, payload, timestamp: new Date(AT).toISOString() });
/** @param {...[connected: boolean, at: number]} states */
const after = (...states) =>
  states.reduce((before, [connected, at]) => brokenBy(before, connected, at), UNBROKEN);
/** @param {boolean | null} recovered @param {number[]} times of trades */
const resumed = (recovered, ...times) =>
  [
    frame("subscribed", { channel: "trade", recovered }),
    ...times.map((ts) => frame("trade_update", { ts })),
  ].reduce(gatheredBy, after([true, 0], [false, AT - 4000], [true, AT]));

test("the first connection is no interruption, however long it takes", () => {
  const found = after([false, 0], [false, 5000], [true, 9000]);
  assert.deepEqual([found.since, found.count, found.awayMs], [9000, 0, 0]);
  assert.equal(interruptionsOf(found, 9000), "None since this page was opened.");
});

test("interruptions are counted with the time that they took together", () => {
  const found = after([true, 0], [false, 1000], [false, 2000], [true, 4000], [true, 4500]);
  assert.deepEqual([found.since, found.count, found.awayMs], [4000, 1, 3000]);
  const twice = brokenBy(found, false, 10_000);
  assert.deepEqual([twice.since, twice.count, twice.awayMs], [null, 2, 3000]);
  assert.equal(
    interruptionsOf(twice, 15_000),
    "2, 8\u202fs in all, the last 5\u202fs ago.",
  );
});

test("trades from before they were asked for again are those that were missed", () => {
  const found = resumed(true, AT - 3000, AT - 10, AT + 5);
  assert.equal(found.recovered, 2);
  assert.match(interruptionsOf(found, AT), / 2 missed trades came after all\.$/);
});

test("without a resumption no trade counts as recovered", () => {
  assert.equal(resumed(null, AT - 3000).recovered, 0);
  const found = resumed(false, AT - 3000);
  assert.equal(found.recovered, 0);
  assert.match(interruptionsOf(found, AT), /What could not be sent again was fetched anew\.$/);
});

test("what changes nothing leaves the same object", () => {
  const found = after([true, 0]);
  assert.equal(brokenBy(found, true, 9), found);
  assert.equal(gatheredBy(found, frame("trade_update", { ts: 1 })), found);
  assert.equal(gatheredBy(found, frame("price_update", {})), found);
});

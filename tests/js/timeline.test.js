import assert from "node:assert/strict";
import { test } from "node:test";
import { readCandle } from "../../web/static/candles.js";
import { bandsOf, changedFrom, stepsOf } from "../../web/static/timeline.js";
import { row } from "./rows.js";

/** @param {(number | Record<string, unknown>)[]} all times, or what rows have besides */
const candles = (...all) =>
  all.map((each) => {
    const { time, ...more } = typeof each === "number" ? { time: each } : each;
    const found = readCandle(row(Number(time), more));
    assert.ok(found);
    return found;
  });
/** @param {number} openedAt @param {Partial<import("../../web/static/timeline.js").Gap>} [more] */
const gap = (openedAt, more) =>
  /** @type {const} */ ({ state: "open", ids: 5, reason: "ids jumped", openedAt, ...more });

test("what has no candle has its steps, so that time is drawn to scale", () => {
  assert.deepEqual(stepsOf(candles(0, 60, 240), 60), [0, 60, 120, 180, 240]);
  assert.deepEqual(stepsOf([], 60), []);
});

test("a long time without trades is not drawn to its whole length", () => {
  const steps = stepsOf(candles(0, 6_000_000), 60);
  assert.equal(steps.length, 502);
  assert.deepEqual([steps[0], steps[1], steps.at(-1)], [0, 5_970_000, 6_000_000]);
});

test("steps are limited in all, and the newest have them first", () => {
  const sparse = candles(...Array.from({ length: 200 }, (_, index) => index * 6_060));
  const steps = stepsOf(sparse, 60);
  assert.equal(steps.length, 200 + 199 * 100);
  const more = stepsOf(candles(...Array.from({ length: 300 }, (_, index) => index * 6_060)), 60);
  assert.equal(more.length, 300 + 20_000);
  assert.equal(Number(more[1]) - Number(more[0]), 6_060);
});

test("a run without candles is hatched where a gap was noticed at its end, with the reason", () => {
  const some = candles(0, 60, 240);
  assert.deepEqual(bandsOf(some, 60, [gap(250)]), [
    { from: 120, to: 180, reason: "5 trades missing (ids jumped), being asked for" },
  ]);
  assert.deepEqual(bandsOf(some, 60, [gap(250, { state: "filled" })]), []);
  assert.deepEqual(bandsOf(some, 60, []), [], "a market without trades lacks nothing");
  assert.deepEqual(bandsOf(some, 60, [gap(60_000)]), []);
});

test("a candle that lacks trades is hatched, neighbours together", () => {
  const some = candles(0, { time: 60, partial: true }, { time: 120, partial: true }, 180);
  assert.deepEqual(bandsOf(some, 60, []), [{ from: 60, to: 120, reason: "begun late, or trades are missing" }]);
});

test("a gap that reaches into the candle after it is one band", () => {
  const some = candles(0, { time: 180, partial: true });
  assert.deepEqual(
    bandsOf(some, 60, [gap(185, { state: "unfillable", ids: 1 })]).map(({ from, to }) => [from, to]),
    [[60, 180]],
  );
});

test("only the end that has changed is drawn", () => {
  const before = candles(0, 60, 120, 180, 240);
  const [next] = candles({ time: 240, c: 11 });
  assert.ok(next);
  assert.equal(changedFrom(before, before, 60), 5);
  assert.equal(changedFrom(before, before.with(4, next), 60), 4);
  assert.equal(changedFrom(before, [...before, ...candles(300)], 60), 5);
});

test("all is drawn anew after a late candle, an older page, a missing step, or at first", () => {
  const before = candles(0, 60, 120, 180, 240);
  const [late] = candles({ time: 60, c: 11 });
  assert.ok(late);
  assert.equal(changedFrom(before, before.with(1, late), 60), null);
  assert.equal(changedFrom(before, [...candles(-60), ...before], 60), null);
  assert.equal(changedFrom(before, [...before, ...candles(360)], 60), null);
  assert.equal(changedFrom([], before, 60), null);
  assert.equal(changedFrom(before, before.slice(1), 60), null);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { readCandle } from "../../web/static/candles.js";
import { rollUp } from "../../web/static/rolling.js";
import { row } from "./rows.js";

/** @param {number} time @param {Record<string, unknown>} [more] */
const part = (time, more) => {
  const candle = readCandle(row(time, more));
  assert.ok(candle);
  return candle;
};

test("a candle has the first price, the last, the extremes and the sums of its parts", () => {
  const [whole, ...more] = rollUp(
    [
      part(300, { o: 10, h: 14, l: 9, c: 12, v: 1.5, n: 3 }),
      part(360, { o: 12, h: 13, l: 7, c: 8, v: 0.5, n: 2, partial: true }),
      part(540, { o: 8, h: 11, l: 8, c: 11, v: 1, n: 1, epoch: 7, seq: 4 }),
    ],
    300,
    60,
  );
  assert.deepEqual(more, []);
  assert.ok(whole);
  const { time, open, high, low, close, volume, trades, revision } = whole;
  assert.deepEqual([time, open, high, low, close], [300, 10, 14, 7, 11]);
  assert.deepEqual([volume, trades, revision], [3, 6, 6]);
  assert.deepEqual([whole.closed, whole.partial, whole.published], [true, true, false]);
  assert.deepEqual([whole.epoch, whole.seq], [7, 4]);
});

test("it is open until its last part has closed", () => {
  const closed = (/** @type {ReturnType<typeof part>[]} */ ...parts) => rollUp(parts, 300, 60)[0]?.closed;
  assert.equal(closed(part(300), part(480)), false);
  assert.equal(closed(part(300), part(540, { closed: false })), false);
  assert.equal(closed(part(540)), true);
});

test("a part of the exchange's own makes the whole the exchange's, one without trades does not count", () => {
  const published = { origin: "exchange", n: 0, revision: 0 };
  const [mixed] = rollUp([part(300, { ...published, c: 5, l: 5 }), part(360, { c: 6 })], 300, 60);
  assert.equal(mixed?.published, true);
  assert.equal(mixed?.close, 6);
  const [traded] = rollUp([part(300, { ...published, v: 0 }), part(360, { o: 6, l: 6 })], 300, 60);
  assert.equal(traded?.published, false);
  assert.equal(traded?.open, 6);
  const [none] = rollUp([part(300, { ...published, v: 0 })], 300, 60);
  assert.equal(none?.published, true);
});

test("parts of two candles make two", () => {
  const times = rollUp([part(240), part(300), part(360)], 300, 60).map(({ time }) => time);
  assert.deepEqual(times, [0, 300]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CANDLES_MAX,
  epochMs,
  follow,
  hasLooseEnd,
  merge,
  mergeAll,
  readCandle,
} from "../../web/static/candles.js";

/** @typedef {import("../../web/static/candles.js").Candle} Candle */

/** @param {number} time @param {number} revision @returns {Candle} */
function candle(time, revision, closed = false) {
  return {
    time,
    open: 1,
    high: 2,
    low: 1,
    close: 1.5,
    volume: 1,
    trades: revision,
    closed,
    revision,
    partial: false,
    published: false,
    epoch: null,
    seq: null,
  };
}
/** @param {readonly Candle[]} candles */
const shape = (candles) => candles.map(({ time, revision }) => [time, revision]);

test("a candle of the wire is read, with its time in whole seconds", () => {
  const wire = { t: "2024-08-08T14:03:00Z", o: 1, h: 3, l: 0.5, c: 2, v: 7.5, n: 4, closed: true };
  assert.deepEqual(readCandle(wire), {
    time: 1723125780,
    open: 1,
    high: 3,
    low: 0.5,
    close: 2,
    volume: 7.5,
    trades: 4,
    closed: true,
    revision: 4,
    partial: false,
    published: false,
    epoch: null,
    seq: null,
  });
  const live = readCandle({ ...wire, epoch: 7, seq: 12 });
  assert.deepEqual([live?.epoch, live?.seq], [7, 12]);
  assert.equal(epochMs(1723125780000), 1723125780000);
});

test("what cannot be drawn is no candle", () => {
  const good = { t: "2024-08-08T14:03:00Z", o: 1, h: 3, l: 0.5, c: 2 };
  for (const bad of [null, {}, { ...good, t: "soon" }, { ...good, h: null }, { ...good, c: "2" }]) {
    assert.equal(readCandle(bad), null);
  }
});

test("a newer revision replaces, an older or equal one changes nothing", () => {
  const candles = [candle(60, 5), candle(120, 3)];
  assert.deepEqual(shape(merge(candles, candle(120, 4))), [
    [60, 5],
    [120, 4],
  ]);
  assert.deepEqual(shape(merge(candles, candle(60, 6))), [
    [60, 6],
    [120, 3],
  ]);
  assert.equal(merge(candles, candle(120, 3)), candles);
  assert.equal(merge(candles, candle(60, 4)), candles);
});

test("a candle that closed without another trade is news", () => {
  assert.equal(merge([candle(60, 5)], candle(60, 5, true))[0]?.closed, true);
});

test("the same candle with a place in the stream takes the place of one without", () => {
  const live = { ...candle(60, 5), epoch: 7, seq: 12 };
  assert.equal(merge([candle(60, 5)], live)[0], live);
  assert.equal(merge([live], candle(60, 5))[0], live);
  assert.equal(mergeAll([candle(60, 5)], [live])[0], live);
  const later = { ...live, epoch: 8, seq: 1 };
  assert.equal(merge([live], later)[0], later);
});

test("the last candle follows a price of its minute that is newer in its stream", () => {
  const candles = [candle(60, 5), { ...candle(120, 3), epoch: 7, seq: 12 }];
  const ticker = { price: 2.5, ts: 179_999, epoch: 7, seq: 13 };
  const followed = follow(candles, ticker);
  assert.deepEqual(followed[1], { ...candles[1], close: 2.5, high: 2.5 });
  assert.equal(followed[0], candles[0]);
  assert.deepEqual(follow(candles, { ...ticker, price: 0.5 })[1], {
    ...candles[1],
    close: 0.5,
    low: 0.5,
  });
});

test("a price that is not newer, not comparable or of another minute moves no candle", () => {
  const candles = [candle(60, 5), { ...candle(120, 3), epoch: 7, seq: 12 }];
  const ticker = { price: 2.5, ts: 120_000, epoch: 7, seq: 13 };
  assert.notEqual(follow(candles, ticker), candles);
  for (const other of [
    { seq: 12 },
    { seq: 11 },
    { seq: null },
    { epoch: 8 },
    { epoch: null },
    { ts: 119_999 },
    { ts: 180_000 },
    { ts: null },
    { price: null },
    { price: 1.5 },
  ]) {
    assert.equal(follow(candles, { ...ticker, ...other }), candles, JSON.stringify(other));
  }
  const stored = [candle(120, 3)];
  assert.equal(follow(stored, ticker), stored);
  assert.deepEqual(follow([], ticker), []);
});

test("a late candle goes to its own place, once", () => {
  const candles = [candle(60, 1), candle(180, 1)];
  assert.deepEqual(shape(merge(candles, candle(120, 1))), [
    [60, 1],
    [120, 1],
    [180, 1],
  ]);
  assert.deepEqual(shape(merge(candles, candle(0, 1))), [
    [0, 1],
    [60, 1],
    [180, 1],
  ]);
});

test("stored and live candles merge to the same in either order", () => {
  const stored = [candle(180, 2), candle(60, 9), candle(120, 4), candle(60, 9)];
  const live = [candle(180, 5), candle(240, 1), candle(120, 3)];
  const expected = [
    [60, 9],
    [120, 4],
    [180, 5],
    [240, 1],
  ];
  assert.deepEqual(shape(mergeAll(stored, live)), expected);
  assert.deepEqual(shape(mergeAll(live, stored)), expected);
});

test("the kept candles are capped, and the oldest go", () => {
  /** @type {readonly Candle[]} */
  let candles = [];
  for (let i = 1; i <= CANDLES_MAX + 50; i += 1) candles = merge(candles, candle(i * 60, 1));
  assert.equal(candles.length, CANDLES_MAX);
  assert.equal(candles[0]?.time, 51 * 60);
  assert.equal(merge(candles, candle(60, 9)), candles);
  assert.equal(mergeAll(candles, [candle(60, 9)]).length, CANDLES_MAX);
});

test("only a candle with successors is a loose end while it is open", () => {
  assert.equal(hasLooseEnd([candle(60, 1, true), candle(120, 1)]), false);
  assert.equal(hasLooseEnd([candle(60, 1), candle(120, 1)]), true);
  assert.equal(hasLooseEnd([]), false);
});

test("a candle of trades wins over the exchange's own, unless some trades are missing", () => {
  const exchange = readCandle({ t: 60_000, o: 1, h: 2, l: 1, c: 2, closed: true, origin: "exchange" });
  assert.ok(exchange?.published);
  const whole = candle(60, 5);
  const partial = { ...whole, partial: true };
  for (const [own, wins] of /** @type {[Candle, Candle][]} */ ([
    [whole, whole],
    [partial, exchange],
  ])) {
    assert.equal(merge([exchange], own)[0], wins);
    assert.equal(merge([own], exchange)[0], wins);
    assert.deepEqual(mergeAll([exchange], [own]), [wins]);
    assert.deepEqual(mergeAll([own], [exchange]), [wins]);
  }
});

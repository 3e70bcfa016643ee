import assert from "node:assert/strict";
import { test } from "node:test";
import {
  KEPT_MAX,
  newSeries,
  withLate,
  withOlder,
  withParts,
  withStored,
  withUpdate,
} from "../../web/static/series.js";
import { row } from "./rows.js";

/** @param {import("../../web/static/series.js").Series} series */
const times = (series) => series.candles.map(({ time }) => time);
/** @param {import("../../web/static/series.js").Series} series */
const closes = (series) => series.candles.map(({ close }) => close);

test("pages are put before what is there until an empty one comes", () => {
  let series = withStored(newSeries("1m"), [row(600), row(660)]);
  series = withOlder(series, [row(480), row(540)]);
  assert.deepEqual(times(series), [480, 540, 600, 660]);
  assert.equal(series.whole, false);
  series = withOlder(series, []);
  assert.equal(series.whole, true);
});

test("no more than some are kept, and then nothing older is asked for", () => {
  const rows = Array.from({ length: KEPT_MAX }, (_, index) => row(60_000 + 60 * index));
  const series = withOlder(withStored(newSeries("1m"), rows), [row(0)]);
  assert.equal(series.candles.length, KEPT_MAX);
  assert.equal(times(series)[0], 60_000);
  assert.equal(series.whole, true);
});

test("a newest page that does not reach what is kept takes its place", () => {
  let series = withStored(newSeries("1m"), [row(0), row(60)]);
  series = withUpdate(series, { ...row(90_000), interval: "1m" });
  series = withStored(series, [row(89_880), row(89_940)]);
  assert.deepEqual(times(series), [89_880, 89_940, 90_000]);
  series = withStored(series, [row(89_940), row(90_000, { n: 2 })]);
  assert.deepEqual(times(series), [89_880, 89_940, 90_000]);
});

test("a candle that is announced takes its place, however late, and one of another interval none", () => {
  let series = withStored(newSeries("1m"), [row(0), row(60), row(120)]);
  series = withUpdate(series, { ...row(60, { n: 2, c: 9 }), interval: "1m" });
  assert.deepEqual(closes(series), [10, 9, 10]);
  assert.equal(withUpdate(series, { ...row(60, { n: 2, c: 9 }), interval: "1m" }), series);
  assert.equal(withUpdate(series, { ...row(3600), interval: "1h" }), series);
  assert.equal(withUpdate(series, null), series);
});

test("what is older than the oldest page is left to the page that has it", () => {
  const series = withStored(newSeries("1m"), [row(600)]);
  assert.equal(withUpdate(series, { ...row(60), interval: "1m" }), series);
  const whole = withOlder(series, []);
  assert.deepEqual(times(withUpdate(whole, { ...row(60), interval: "1m" })), [60, 600]);
});

test("a candle of five minutes moves with its minutes", () => {
  let series = withStored(newSeries("5m"), [row(0, { n: 9 }), row(300, { n: 2 })]);
  series = withParts(series, [row(300), row(360, { closed: false })], 300);
  assert.deepEqual(closes(series), [10, 10]);
  series = withUpdate(series, { ...row(360, { n: 3, c: 12, h: 12 }), interval: "1m" });
  assert.deepEqual(closes(series), [10, 12]);
  series = withUpdate(series, { ...row(600, { c: 13 }), interval: "1m" });
  assert.deepEqual(times(series), [0, 300, 600]);
  assert.equal(series.late, null);
});

test("a late minute of a candle whose minutes are not here makes it be asked for", () => {
  let series = withStored(newSeries("5m"), [row(0, { n: 9 }), row(300, { n: 9 }), row(600)]);
  assert.equal(withUpdate(series, { ...row(60, { n: 2 }), interval: "1m" }).late, null, "loading");
  series = withParts(series, [row(600)], 600);
  series = withUpdate(series, { ...row(420, { n: 2 }), interval: "1m" });
  assert.equal(series.late, 300);
  series = withUpdate(series, { ...row(60, { n: 2 }), interval: "1m" });
  assert.equal(series.late, 0);
  series = withLate(series, [row(0, { n: 10, c: 8 }), row(300, { n: 10, c: 7 })]);
  assert.deepEqual(closes(series), [8, 7, 10]);
  assert.equal(series.late, null);
});

test("the running candle of an exchange's own past still moves", () => {
  const own = { origin: "exchange", n: 0, revision: 0 };
  let series = withStored(newSeries("1h"), [row(0, own)]);
  assert.equal(series.candles[0]?.published, true);
  series = withStored(newSeries("4h"), [row(0, own)]);
  series = withParts(series, [row(0, own), row(3600, { c: 11 })], 0);
  assert.deepEqual(closes(series), [11]);
  series = withUpdate(series, { ...row(3600, { c: 12, n: 2 }), interval: "1h" });
  assert.deepEqual(closes(series), [12]);
});

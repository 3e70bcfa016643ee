import assert from "node:assert/strict";
import { test } from "node:test";
import { INTERVALS, countdown, intervalFor, opening, partOf } from "../../web/static/intervals.js";

/** @param {string} text */
const at = (text) => Date.parse(text) / 1000;

test("a bucket has its first instant and not its last", () => {
  const opened = at("2026-11-20T14:05:00Z");
  assert.equal(opening(opened, INTERVALS["5m"]), opened);
  assert.equal(opening(opened + 299.999, INTERVALS["5m"]), opened);
  assert.equal(opening(opened + 300, INTERVALS["5m"]), opened + 300);
});

test("weeks begin on Monday, also before 1970", () => {
  const monday = at("2026-11-16T00:00:00Z");
  assert.equal(opening(at("2026-11-16T00:00:00Z"), INTERVALS["1w"]), monday);
  assert.equal(opening(at("2026-11-22T23:59:59Z"), INTERVALS["1w"]), monday);
  assert.equal(opening(at("1969-12-31T12:00:00Z"), INTERVALS["1w"]), at("1969-12-29T00:00:00Z"));
});

test("what is announced divides what is made of it", () => {
  for (const [name, seconds] of Object.entries(INTERVALS)) {
    const part = partOf(/** @type {import("../../web/static/intervals.js").Interval} */ (name));
    assert.equal(seconds % INTERVALS[part], 0, name);
  }
  assert.deepEqual([partOf("15m"), partOf("4h"), partOf("1w"), partOf("1d")], ["1m", "1h", "1d", "1d"]);
});

test("a range keeps the interval where that makes a chart, else it takes its own", () => {
  assert.equal(intervalFor("1H", "1m"), "1m");
  assert.equal(intervalFor("1H", "15m"), "1m");
  assert.equal(intervalFor("24H", "1m"), "1m");
  assert.equal(intervalFor("7D", "1m"), "1h");
  assert.equal(intervalFor("1M", "1d"), "1d");
  assert.equal(intervalFor("1M", "1w"), "4h");
  assert.equal(intervalFor("All", "1w"), "1w");
  assert.equal(intervalFor("All", "1h"), "1d");
});

test("the countdown ends when the candle does", () => {
  assert.equal(countdown(600, 60, 600), "1:00");
  assert.equal(countdown(600, 60, 658.2), "0:02");
  assert.equal(countdown(600, 60, 660), "");
  assert.equal(countdown(600, 60, 599), "", "it has not begun by this clock");
  assert.equal(countdown(0, 14_400, 3_600), "3:00:00");
  assert.equal(countdown(0, 604_800, 93_600), "5\u202fd 22\u202fh");
});

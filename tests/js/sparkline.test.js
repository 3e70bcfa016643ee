import assert from "node:assert/strict";
import { test } from "node:test";
import { readCandle } from "../../web/static/candles.js";
import { HEIGHT, WIDTH, lastDay, line, sparkline } from "../../web/static/sparkline.js";

const HOUR = 3_600;
const END = 1_723_125_600;
/** @param {number} ago hours @param {number} close @param {object} [more] */
const hour = (ago, close, more = {}) => {
  const t = new Date((END - ago * HOUR) * 1000).toISOString();
  const found = readCandle({ t, o: close, h: close + 1, l: close - 1, c: close, n: 1, ...more });
  assert.ok(found);
  return found;
};
/** @param {string} path how often the pen is lifted */
const strokes = (path) => path.split("M").length - 1;

test("a day has 24 hours, the running one included", () => {
  const hours = Array.from({ length: 30 }, (_, at) => hour(29 - at, 10));
  assert.equal(lastDay(hours).length, 24);
  assert.equal(lastDay(hours).at(-1), hours.at(-1));
  assert.deepEqual(lastDay([]), []);
});

test("a line goes through the closes from left to right, and ends with the last price", () => {
  const { own, last, published } = sparkline([hour(23, 10), hour(22, 20), hour(0, 12)], 19, null);
  assert.match(own, /^M0 \d/);
  assert.ok(last.startsWith(`M${WIDTH} `));
  assert.equal(published, "");
  // 20 is the highest of all, 19 lies close to it, 10 far below.
  const [, first = 0] = own.match(/^M0 ([\d.]+)/) ?? [];
  const [, at = HEIGHT] = last.match(/ ([\d.]+)h0$/) ?? [];
  assert.ok(Number(at) < Number(first));
});

test("an hour that is not known is a gap", () => {
  assert.equal(strokes(sparkline([hour(3, 1), hour(2, 1), hour(1, 1)], null, null).own), 1);
  assert.equal(strokes(sparkline([hour(3, 1), hour(1, 1)], null, null).own), 2);
  assert.equal(strokes(line([1, 2, 3])), 1);
  assert.equal(strokes(line([null, 1, null, 3])), 2);
});

test("the exchange's own hours are a line apart, which ours goes on from", () => {
  const theirs = { origin: "exchange" };
  const found = sparkline([hour(2, 10, theirs), hour(1, 20, theirs), hour(0, 30)], null, null);
  assert.equal(strokes(found.published), 1);
  assert.equal(strokes(found.own), 1);
  const joint = found.published.split("L").at(-1);
  assert.ok(joint && found.own.startsWith(`M${joint}L`));
});

test("the average is a level line within what is drawn", () => {
  const [, at] = sparkline([hour(1, 10), hour(0, 12)], null, 40).average.match(/^M0 (.+)H/) ?? [];
  assert.ok(Number(at) > 0 && Number(at) < HEIGHT / 2);
  assert.equal(sparkline([hour(0, 12)], null, null).average, "");
});

test("without hours nothing is drawn, and a price that never moved is a level line", () => {
  assert.deepEqual(sparkline([], 5, 5), { range: "", own: "", published: "", average: "", last: "" });
  assert.equal(line([]), "");
  const level = readCandle({ t: new Date(END * 1000).toISOString(), o: 5, h: 5, l: 5, c: 5, n: 1 });
  assert.ok(level);
  assert.equal(sparkline([level], 5, null).last, `M${WIDTH} ${HEIGHT / 2}h0`);
});

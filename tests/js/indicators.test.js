import assert from "node:assert/strict";
import { test } from "node:test";
import { bollinger, ema, macd, rsi, sma } from "../../web/static/indicators.js";

/**
 * Closes, and their 14-day RSI, as StockCharts publishes them (ChartSchool, "Relative Strength
 * Index", cs-rsi.xls): the values there are rounded to two digits.
 */
const CLOSES = [
  44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.1, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28,
  46.28, 46.0, 46.03, 46.41, 46.22, 45.64,
];
const RSI = [70.46, 66.25, 66.48, 69.35, 66.29, 57.92];

/** @param {(number | null)[]} line @param {number} digits */
const rounded = (line, digits) => line.map((value) => value && Number(value.toFixed(digits)));

test("the simple average begins with the n-th value", () => {
  assert.deepEqual(sma([1, 2, 3, 4, 8], 3), [null, null, 2, 3, 5]);
  assert.deepEqual(sma([1, 2], 3), [null, null]);
  assert.deepEqual(sma([], 3), []);
});

test("the exponential average begins with the simple one and moves by 2 / (n + 1)", () => {
  assert.deepEqual(ema([1, 2, 3, 4, 8], 3), [null, null, 2, 3, 5.5]);
  assert.deepEqual(ema([1, 2], 3), [null, null]);
});

test("Bollinger's bands lie two deviations of the population apart from the middle", () => {
  const { middle, upper, lower } = bollinger([2, 4, 4, 4, 5, 5, 7, 9], 8);
  assert.deepEqual([middle[7], upper[7], lower[7]], [5, 9, 1]);
  assert.deepEqual([middle[6], upper[6], lower[6]], [null, null, null]);
});

test("the RSI is Wilder's, as published", () => {
  const line = rsi(CLOSES, 14);
  assert.deepEqual(
    line.slice(0, 14).filter((value) => value !== null),
    [],
  );
  for (const [index, expected] of RSI.entries()) {
    const found = line[14 + index];
    assert.ok(found != null && Math.abs(found - expected) < 0.1, `${index}: ${found}`);
  }
});

test("the RSI of what only rises is 100, of what only falls 0, of what stands still 50", () => {
  const line = [1, 2, 3, 4];
  assert.deepEqual(rsi(line, 2), [null, null, 100, 100]);
  assert.deepEqual(rsi(line.toReversed(), 2), [null, null, 0, 0]);
  assert.deepEqual(rsi([3, 3, 3], 2), [null, null, 50]);
});

test("the MACD is the fast average less the slow one, and its signal begins with their mean", () => {
  // By hand: EMA 2 of 1 2 4 8 16 is – 1.5 3.1667 6.3889 12.7963, EMA 3 is – – 2.3333 5.1667 10.5833.
  const { line, signal, histogram } = macd([1, 2, 4, 8, 16], 2, 3, 2);
  assert.deepEqual(rounded(line, 4), [null, null, 0.8333, 1.2222, 2.213]);
  assert.deepEqual(rounded(signal, 4), [null, null, null, 1.0278, 1.8179]);
  assert.deepEqual(rounded(histogram, 4), [null, null, null, 0.1944, 0.3951]);
});

test("too few values make no line and no NaN", () => {
  const { line, signal, histogram } = macd([1, 2, 3]);
  assert.deepEqual([line, signal, histogram], Array(3).fill([null, null, null]));
  assert.deepEqual(rsi([1]), [null]);
  assert.deepEqual(bollinger([]), { middle: [], upper: [], lower: [] });
});

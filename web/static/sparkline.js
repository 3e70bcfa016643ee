/**
 * The last 24 hours of a symbol as lines: paths of an SVG, of `WIDTH` by `HEIGHT` units that are
 * stretched to the place there is. Pure.
 *
 * An hour of which nothing is known is a gap in the line, never a guess.
 *
 * @module
 */

import { HOURS } from "./store.js";

/** @typedef {import("./candles.js").Candle} Candle */

export const WIDTH = 240;
export const HEIGHT = 64;
/** Kept free above and below, so that no line is cut. */
const MARGIN = 4;
const HOUR_S = 3_600;

/**
 * @typedef {object} Sparkline paths; "" where there is nothing to draw
 * @property {string} range from the low to the high of each hour
 * @property {string} own the closes of hours made of trades stored here
 * @property {string} published those of hours that the exchange published
 * @property {string} average a level line where this hour's average lies
 * @property {string} last a dot: the last price
 *
 * @typedef {{x: number, low: number, high: number, close: number, published: boolean}} Point
 */

/**
 * Return those of the last 24 hours, the last of which is the last one that is known.
 *
 * @param {readonly Candle[]} candles of hours, in order of time
 * @returns {readonly Candle[]}
 */
export function lastDay(candles) {
  const first = (candles.at(-1)?.time ?? 0) - (HOURS - 1) * HOUR_S;
  return candles.filter(({ time }) => time >= first);
}

/**
 * @param {readonly Candle[]} candles those of `lastDay`
 * @param {number | null} price the last one, which ends the last hour
 * @param {number | null} average of this hour
 * @returns {Sparkline}
 */
export function sparkline(candles, price, average) {
  const runs = runsOf(candles, price);
  const points = runs.flat();
  const levels = points.flatMap(({ low, high }) => [low, high]);
  if (average !== null && points.length > 0) levels.push(average);
  const y = scale(Math.min(...levels), Math.max(...levels));
  const last = points.at(-1);
  return {
    range: runs.map((run) => area(run, y)).join(""),
    own: runs.flatMap((run) => strokes(run, false, y)).join(""),
    published: runs.flatMap((run) => strokes(run, true, y)).join(""),
    average: average === null || !last ? "" : `M0 ${y(average)}H${WIDTH}`,
    last: last ? `M${last.x} ${y(last.close)}h0` : "",
  };
}

/**
 * Return the line through values that lie equally far from each other; null is a gap.
 *
 * @param {readonly (number | null)[]} values
 * @returns {string}
 */
export function line(values) {
  const known = values.filter((value) => value !== null);
  const y = scale(Math.min(...known), Math.max(...known));
  const step = WIDTH / Math.max(1, values.length - 1);
  return values
    .map((value, index) => {
      if (value === null) return "";
      const begins = index === 0 || values[index - 1] === null;
      return `${begins ? "M" : "L"}${round(index * step)} ${y(value)}`;
    })
    .join("");
}

/**
 * Return the hours as points, in runs without a gap.
 *
 * @param {readonly Candle[]} candles
 * @param {number | null} price
 * @returns {Point[][]}
 */
function runsOf(candles, price) {
  const end = candles.at(-1)?.time ?? 0;
  const span = (HOURS - 1) * HOUR_S;
  /** @type {Point[][]} */
  const runs = [];
  let before = 0;
  for (const { time, low, high, close, published } of candles) {
    if (time - before !== HOUR_S) runs.push([]);
    before = time;
    const last = time === end && price !== null ? price : close;
    runs.at(-1)?.push({
      x: round(WIDTH - ((end - time) / span) * WIDTH),
      low: Math.min(low, last),
      high: Math.max(high, last),
      close: last,
      published,
    });
  }
  return runs;
}

/**
 * Return the lines of a run through the hours of one kind, each from the hour before it.
 *
 * @param {Point[]} run
 * @param {boolean} published
 * @param {(value: number) => number} y
 * @returns {string[]}
 */
function strokes(run, published, y) {
  return run.map((point, index) => {
    if (point.published !== published) return "";
    const before = run[index - 1];
    const from = before?.published === published ? "" : `M${(before ?? point).x} ${y((before ?? point).close)}`;
    return `${from}L${point.x} ${y(point.close)}`;
  });
}

/** @param {Point[]} run @param {(value: number) => number} y */
function area(run, y) {
  const there = run.map(({ x, high }) => `${x} ${y(high)}`);
  const back = run.map(({ x, low }) => `${x} ${y(low)}`).reverse();
  return `M${[...there, ...back].join("L")}Z`;
}

/** @param {number} low @param {number} high @returns {(value: number) => number} */
function scale(low, high) {
  const span = high - low;
  const room = HEIGHT - 2 * MARGIN;
  return (value) => round(span > 0 ? MARGIN + ((high - value) / span) * room : HEIGHT / 2);
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}

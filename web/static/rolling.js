/**
 * Longer candles made of shorter ones, so that a candle of any interval moves with each trade. Pure.
 *
 * As the server does (web/candles.py): a part in which nothing was traded counts only where there is
 * no other; where a part is the exchange's own, so is the whole.
 *
 * @module
 */

import { opening } from "./intervals.js";

/** @typedef {import("./candles.js").Candle} Candle */

/**
 * Return the candles of `seconds` that these parts make, in order.
 *
 * @param {readonly Candle[]} parts in order
 * @param {number} seconds
 * @param {number} partSeconds
 * @returns {Candle[]}
 */
export function rollUp(parts, seconds, partSeconds) {
  /** @type {Map<number, Candle[]>} */
  const buckets = new Map();
  for (const part of parts) {
    const time = opening(part.time, seconds);
    const present = buckets.get(time);
    if (present === undefined) buckets.set(time, [part]);
    else present.push(part);
  }
  return [...buckets].map(([time, within]) => whole(time, within, seconds, partSeconds));
}

/**
 * @param {number} time
 * @param {readonly Candle[]} parts at least one
 * @param {number} seconds
 * @param {number} partSeconds
 * @returns {Candle}
 */
function whole(time, parts, seconds, partSeconds) {
  const traded = parts.filter(isTraded);
  const counted = traded.length > 0 ? traded : parts;
  const first = /** @type {Candle} */ (counted[0]);
  const last = /** @type {Candle} */ (counted.at(-1));
  const end = /** @type {Candle} */ (parts.at(-1));
  const trades = sum(counted.map((part) => part.trades));
  return {
    time,
    open: first.open,
    high: Math.max(...counted.map((part) => part.high)),
    low: Math.min(...counted.map((part) => part.low)),
    close: last.close,
    volume: sum(counted.map((part) => part.volume)),
    trades,
    closed: end.closed && end.time + partSeconds >= time + seconds,
    revision: trades,
    partial: parts.some((part) => part.partial),
    published: counted.some((part) => part.published),
    epoch: end.epoch,
    seq: end.seq,
  };
}

/** One of trades may be without volume, as its source has no sizes. @param {Candle} part */
function isTraded({ trades, volume, high, low }) {
  return trades > 0 || volume > 0 || high !== low;
}

/** @param {readonly number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

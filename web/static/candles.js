/**
 * Candles as the page keeps them: sorted by time, one per time, the newest revision of each.
 *
 * Merging takes the highest revision per time, so it does not matter whether the stored candles or
 * the live ones came first, or came twice. Pure; the kept number is capped.
 *
 * @module
 */

import { opening } from "./intervals.js";

/** More than these are not kept by default: a page may stay open for weeks. */
export const CANDLES_MAX = 600;

/**
 * @typedef {object} Candle
 * @property {number} time its first instant, s UTC
 * @property {number} open
 * @property {number} high
 * @property {number} low
 * @property {number} close
 * @property {number} volume
 * @property {number} trades
 * @property {boolean} closed
 * @property {number} revision
 * @property {boolean} partial trades are missing: the data began in it
 * @property {boolean} published the exchange's own, of a minute of which there are no trades here
 * @property {number | null} epoch of the stream that it came by; null where it is a stored one
 * @property {number | null} seq its place there
 */

/**
 * Return epoch milliseconds of an ISO-8601 text or of a number that already is that; else null.
 *
 * @param {unknown} value
 * @returns {number | null}
 */
export function epochMs(value) {
  const found = typeof value === "string" ? Date.parse(value) : value;
  return typeof found === "number" && Number.isFinite(found) ? found : null;
}

/**
 * Return the candle that came over the wire, or null when it cannot be drawn.
 *
 * @param {any} wire a `CandleRow`, hopefully
 * @returns {Candle | null}
 */
export function readCandle(wire) {
  const ms = epochMs(wire?.t);
  const prices = [wire?.o, wire?.h, wire?.l, wire?.c];
  if (ms === null || !prices.every((price) => Number.isFinite(price))) return null;
  const trades = Number.isFinite(wire.n) ? wire.n : 0;
  return {
    time: Math.floor(ms / 1000),
    open: wire.o,
    high: wire.h,
    low: wire.l,
    close: wire.c,
    volume: Number.isFinite(wire.v) ? wire.v : 0,
    trades,
    closed: wire.closed === true,
    revision: Number.isFinite(wire.revision) ? wire.revision : trades,
    partial: wire.partial === true,
    published: wire.origin === "exchange",
    epoch: Number.isFinite(wire.epoch) ? wire.epoch : null,
    seq: Number.isFinite(wire.seq) ? wire.seq : null,
  };
}

/**
 * True when `update` is to take the place of `present`, a candle of the same time.
 *
 * @param {Candle} present
 * @param {Candle} update
 */
function isNewer(present, update) {
  if (update.published !== present.published) {
    // One made of trades wins, unless some of its trades are missing.
    return update.published ? present.partial : !update.partial;
  }
  if (update.revision !== present.revision) return update.revision > present.revision;
  if (update.closed !== present.closed) return update.closed;
  // The same candle, but of the stream that now tells its place.
  return update.epoch !== null && update.epoch !== present.epoch;
}

/**
 * Return `candles` with `update` in its place; the same array where it says nothing new.
 *
 * @param {readonly Candle[]} candles
 * @param {Candle} update
 * @param {number} [most] the oldest of more are not kept
 * @returns {readonly Candle[]}
 */
export function merge(candles, update, most = CANDLES_MAX) {
  let index = candles.length;
  while (index > 0 && /** @type {Candle} */ (candles[index - 1]).time > update.time) index -= 1;
  const present = candles[index - 1];
  if (present !== undefined && present.time === update.time) {
    return isNewer(present, update) ? candles.with(index - 1, update) : candles;
  }
  if (index === 0 && candles.length >= most) return candles;
  return candles.toSpliced(index, 0, update).slice(-most);
}

/**
 * Return the union of both, the newest revision of each time, in order.
 *
 * @param {readonly Candle[]} some
 * @param {readonly Candle[]} others
 * @param {number} [most] the oldest of more are not kept
 * @returns {readonly Candle[]}
 */
export function mergeAll(some, others, most = CANDLES_MAX) {
  /** @type {Map<number, Candle>} */
  const byTime = new Map();
  for (const candle of [...some, ...others]) {
    const present = byTime.get(candle.time);
    if (present === undefined || isNewer(present, candle)) byTime.set(candle.time, candle);
  }
  return [...byTime.values()].sort((a, b) => a.time - b.time).slice(-most);
}

/**
 * Return `candles` with the last one's close at `ticker`'s price, where that is news: later in the
 * same stream, and traded in the same bucket. A candle is announced less often than a price, so
 * without this a page that is cut off would show two last prices.
 *
 * @param {readonly Candle[]} candles
 * @param {Pick<import("./store.js").Card, "price" | "ts" | "epoch" | "seq">} ticker
 * @param {number} [seconds] of the interval
 * @returns {readonly Candle[]} the same array where there is nothing to change
 */
export function follow(candles, { price, ts, epoch, seq }, seconds = 60) {
  const last = candles.at(-1);
  if (last === undefined || price === null || ts === null || price === last.close) return candles;
  const sameBucket = opening(ts / 1000, seconds) === last.time;
  if (!sameBucket || epoch === null || epoch !== last.epoch) return candles;
  if (seq === null || last.seq === null || seq <= last.seq) return candles;
  const high = Math.max(last.high, price);
  const low = Math.min(last.low, price);
  return candles.with(-1, { ...last, close: price, high, low });
}

/**
 * True when a candle that has successors is not known to be closed: its last trades were stored or
 * announced while nobody listened, and it must be asked for again.
 *
 * @param {readonly Candle[]} candles
 * @returns {boolean}
 */
export function hasLooseEnd(candles) {
  return candles.slice(0, -1).some((candle) => !candle.closed);
}

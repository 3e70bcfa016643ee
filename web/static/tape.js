/**
 * The newest trades of one symbol, each once, the newest first. Pure; the kept number is capped.
 *
 * @module
 */

import { epochMs } from "./candles.js";
import { arrow } from "./format.js";

/** More trades are not kept. */
export const TRADES_MAX = 200;

/**
 * @typedef {object} Trade
 * @property {number} id the exchange's own
 * @property {number} ts ms UTC
 * @property {number} price
 * @property {number | null} size null where the source has none
 * @property {"buy" | "sell" | null} side the taker's
 * @property {"▲" | "▼" | ""} arrow how its price differs from the trade before
 */

/**
 * @param {any} row of the stream or of `/api/trades`, hopefully
 * @returns {Trade | null}
 */
function read(row) {
  const ts = epochMs(row?.ts ?? row?.t);
  if (ts === null || !Number.isFinite(row.price) || !Number.isFinite(row.trade_id)) return null;
  const side = row.side === "buy" || row.side === "sell" ? row.side : null;
  const size = Number.isFinite(row.size) ? row.size : null;
  return { id: row.trade_id, ts, price: row.price, size, side, arrow: "" };
}

/**
 * Return the tape with these trades in their places, in whichever order they come and however often;
 * the same array where none is news.
 *
 * @param {readonly Trade[]} tape
 * @param {readonly unknown[]} rows
 * @returns {readonly Trade[]}
 */
export function withTrades(tape, rows) {
  const known = new Map(tape.map((trade) => [trade.id, trade]));
  for (const trade of rows.map(read)) {
    if (trade !== null && !known.has(trade.id)) known.set(trade.id, trade);
  }
  if (known.size === tape.length) return tape;
  const kept = [...known.values()].sort((a, b) => b.ts - a.ts || b.id - a.id).slice(0, TRADES_MAX);
  return kept.map((trade, index) => {
    const before = kept[index + 1];
    const now = before === undefined ? trade.arrow : arrow(trade.price - before.price);
    return now === trade.arrow ? trade : { ...trade, arrow: now };
  });
}

/**
 * Return how many of the trades are newer than all of some others.
 *
 * @param {readonly Trade[]} tape
 * @param {readonly Trade[]} before
 */
export function newer(tape, before) {
  const newest = before[0];
  const at = newest === undefined ? -1 : tape.findIndex(({ id }) => id === newest.id);
  return at < 0 ? tape.length : at;
}

/**
 * What is known of one symbol, and how a row of a ticker or of the table of all symbols changes it.
 *
 * In come rows as the server writes them, hopefully, and the moment (ms of this machine's clock)
 * at which they came; out goes the next card. Pure.
 *
 * @module
 */

import { epochMs } from "./candles.js";
import { DECIMALS_MIN, mostDecimals } from "./format.js";

/**
 * @typedef {object} Card what is known of one symbol
 * @property {string} key `exchange:symbol`
 * @property {string} exchange
 * @property {string} symbol
 * @property {string} quote
 * @property {number | null} price null before the first trade
 * @property {number | null} previous the price before this one, where it differed
 * @property {number} moves how often the price has changed: the parity restarts the flash
 * @property {number} decimals most that a price of this symbol has needed
 * @property {number | null} ts of the last trade, ms UTC
 * @property {number | null} bornAt ms of this machine's clock at which the price was new
 * @property {number | null} changePercent over 24 h
 * @property {number | null} high of 24 h
 * @property {number | null} low of 24 h
 * @property {number | null} volume of 24 h, in units of the base
 * @property {number | null} rank by the turnover of 24 h in dollars, 0 the most
 * @property {string | null} name of the base, `Bitcoin`
 * @property {readonly (number | null)[]} closes of the last 24 hours, the running one last
 * @property {number | null} hourStart ms UTC
 * @property {number | null} hourAverage
 * @property {number} hourCount trades
 * @property {boolean} partial the hour's first trades are missing from its average
 * @property {boolean} stale the server's judgement: old, and there should be a newer one
 * @property {boolean} quiet no trade for long, and nothing says that there should be one
 * @property {number | null} epoch of the stream that the ticker came by
 * @property {number | null} seq its place there
 */

/** @param {unknown} value @returns {number | null} */
export function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * Return the card of a symbol of which nothing is known yet.
 *
 * @param {string} key `exchange:symbol`
 * @returns {Card}
 */
export function newCard(key) {
  const colon = key.indexOf(":");
  const symbol = key.slice(colon + 1);
  return {
    key,
    exchange: key.slice(0, colon),
    symbol,
    quote: symbol.slice(symbol.indexOf("-") + 1),
    price: null,
    previous: null,
    moves: 0,
    decimals: DECIMALS_MIN,
    ts: null,
    bornAt: null,
    changePercent: null,
    high: null,
    low: null,
    volume: null,
    rank: null,
    name: null,
    closes: [],
    hourStart: null,
    hourAverage: null,
    hourCount: 0,
    partial: false,
    stale: false,
    quiet: false,
    epoch: null,
    seq: null,
  };
}

/** What a row says of the last 24 hours. @param {any} row */
function day(row) {
  return {
    changePercent: number(row.change_24h_pct),
    high: number(row.high_24h),
    low: number(row.low_24h),
    volume: number(row.volume_24h),
  };
}

/**
 * Return the card with the price of a row.
 *
 * @param {Card} before
 * @param {any} row
 * @param {number} at
 */
function priced(before, row, at) {
  const price = /** @type {number} */ (number(row.price));
  const age = number(row.age_ms);
  const moved = before.price !== null && price !== before.price;
  return {
    ...before,
    price,
    previous: moved ? before.price : before.previous,
    moves: before.moves + (moved ? 1 : 0),
    decimals: mostDecimals(before.decimals, [price]),
    bornAt: age === null ? at : at - Math.max(0, age),
    quiet: moved ? false : before.quiet,
  };
}

/**
 * Take a ticker.
 *
 * @param {Card} before
 * @param {any} row a `TickerPayload` with a price
 * @param {number} at ms
 * @returns {Card}
 */
export function ticker(before, row, at) {
  const card = priced(before, row, at);
  return {
    ...card,
    ...day(row),
    decimals: mostDecimals(card.decimals, [number(row.high_24h), number(row.low_24h)]),
    ts: epochMs(row.ts),
    hourStart: epochMs(row.hour_start),
    hourAverage: number(row.hour_avg),
    hourCount: number(row.hour_count) ?? 0,
    partial: row.partial === true,
    stale: row.stale === true,
    epoch: number(row.epoch),
    seq: number(row.seq),
  };
}

/**
 * Take a row of the table of all symbols. A price that is not newer than the one heard says
 * nothing.
 *
 * @param {Card} before
 * @param {any} row a `Market`
 * @param {number} rank
 * @param {number} at ms
 * @returns {Card}
 */
export function listed(before, row, rank, at) {
  const ts = epochMs(row.timestamp);
  const heard = before.ts ?? 0;
  const told = number(row.price) !== null && ts !== null && ts >= heard;
  const card = told && ts > heard ? { ...priced(before, row, at), ts } : before;
  return {
    ...card,
    ...day(row),
    stale: told ? row.stale === true : card.stale,
    decimals: Math.max(card.decimals, number(row.decimals) ?? 0),
    closes: Array.isArray(row.sparkline) ? row.sparkline.map(number) : before.closes,
    name: typeof row.name === "string" ? row.name : null,
    rank,
  };
}

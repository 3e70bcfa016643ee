/**
 * What the page knows, and how each message changes it: pure reducers, no clock, no DOM, no
 * network.
 *
 * In come frames of the connection and answers of the REST routes, each with the moment (ms of this
 * machine's clock) at which it came; out goes the next state. What did not change stays the same
 * object, so that nothing is drawn twice. A payload that makes no sense changes nothing.
 *
 * @module
 */

import { epochMs, merge, mergeAll, readCandle } from "./candles.js";
import { DECIMALS_MIN, mostDecimals } from "./format.js";

/** A process that has run for less than this is still finding what it needs. */
const STARTING_S = 5;

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
 * @property {number | null} hourStart ms UTC
 * @property {number | null} hourAverage
 * @property {number} hourCount trades
 * @property {boolean} partial the hour's first trades are missing from its average
 * @property {boolean} stale the server's judgement: old, and there should be a newer one
 * @property {boolean} quiet no trade for long, and nothing says that there should be one
 * @property {number | null} epoch of the stream that the ticker came by
 * @property {number | null} seq its place there
 *
 * @typedef {object} Chart the one-minute candles of one symbol
 * @property {string} key
 * @property {readonly import("./candles.js").Candle[]} candles
 * @property {readonly import("./candles.js").Candle[]} live those heard on this connection
 * @property {number} loaded how often stored candles have arrived: a new number means draw anew
 * @property {"loading" | "ready" | "failed"} load
 * @property {string | null} error a sentence
 *
 * @typedef {object} Outage
 * @property {number} since ms of this machine's clock: the first look that found it
 * @property {boolean} seenGo false where it was away at the first look
 *
 * @typedef {"unknown" | "present" | Outage} Database
 *
 * @typedef {object} State
 * @property {string | null} version
 * @property {boolean | null} simulated null until it is known
 * @property {boolean} replay the simulated trades are a recording's
 * @property {readonly string[]} order keys, as configured
 * @property {Readonly<Record<string, Card>>} cards
 * @property {Readonly<Record<string, Chart>>} charts
 * @property {Readonly<Record<string, import("./messages.js").Feed>>} feeds
 * @property {readonly import("./messages.js").ProcessStatus[]} processes
 * @property {import("./messages.js").Disk | null} disk
 * @property {string | null} statusError why the last look at the status brought nothing
 * @property {Database} database as the one who writes to it says
 * @property {number | null} heardAt ms of the last frame
 *
 * @typedef {{type: "frame", frame: import("./frames.js").Frame, at: number}
 *   | {type: "status", status: import("./messages.js").Status, at: number}
 *   | {type: "status_failed", error: string}
 *   | {type: "opened"}
 *   | {type: "candles_loading", key: string}
 *   | {type: "candles_loaded", key: string, candles: unknown}
 *   | {type: "candles_failed", key: string, error: string}} Change
 */

/** @type {State} */
export const EMPTY = {
  version: null,
  simulated: null,
  replay: false,
  order: [],
  cards: {},
  charts: {},
  feeds: {},
  processes: [],
  disk: null,
  statusError: null,
  database: "unknown",
  heardAt: null,
};

/**
 * @param {State} state
 * @param {Change} change
 * @returns {State}
 */
export function reduce(state, change) {
  switch (change.type) {
    case "frame":
      return { ...frame(state, change.frame, change.at), heardAt: change.at };
    case "status":
      return status(state, change.status, change.at);
    case "status_failed":
      return { ...state, statusError: change.error };
    case "opened":
      return mapCharts(state, (chart) => ({ ...chart, live: [] }));
    case "candles_loading":
      return setChart(state, change.key, (chart) => ({ ...chart, load: "loading", error: null }));
    case "candles_failed":
      return setChart(state, change.key, (chart) => ({
        ...chart,
        load: "failed",
        error: change.error,
      }));
    case "candles_loaded": {
      const rows = Array.isArray(change.candles) ? change.candles : [];
      const stored = rows.map(readCandle).filter((candle) => candle !== null);
      const next = needDecimals(state, change.key, stored.flatMap(pricesOf));
      return setChart(next, change.key, (chart) => ({
        ...chart,
        candles: mergeAll(stored, chart.live),
        loaded: chart.loaded + 1,
        load: "ready",
        error: null,
      }));
    }
  }
}

/** @param {State} state @param {import("./frames.js").Frame} frame @param {number} at */
function frame(state, { type, payload }, at) {
  switch (type) {
    case "price_update":
      return ticker(state, payload, at);
    case "batch_update":
    case "snapshot":
      return rows(payload).reduce((next, row) => anything(next, row, at), state);
    case "candle_update":
      return candle(state, payload);
    case "status":
      return (Array.isArray(payload.feeds) ? payload.feeds : [payload]).reduce(feed, state);
    default:
      return state;
  }
}

/** The list of updates in a payload. @param {any} payload @returns {any[]} */
function rows(payload) {
  return Array.isArray(payload.updates) ? payload.updates : [];
}

/**
 * A row of a snapshot is told by what it has.
 *
 * @param {State} state
 * @param {any} row
 * @param {number} at
 */
function anything(state, row, at) {
  if (row?.o !== undefined) return candle(state, row);
  return row?.price === undefined ? feed(state, row) : ticker(state, row, at);
}

/** @param {any} row @returns {string | null} */
function keyOf(row) {
  const named = typeof row?.exchange === "string" && typeof row?.symbol === "string";
  return named ? `${row.exchange}:${row.symbol}` : null;
}

/** @param {unknown} value @returns {number | null} */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/**
 * Return the state with a card and a chart for that key, last in the order.
 *
 * @param {State} state
 * @param {string} key
 */
function withSymbol(state, key) {
  if (state.cards[key] !== undefined) return state;
  const colon = key.indexOf(":");
  const symbol = key.slice(colon + 1);
  /** @type {Card} */
  const card = {
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
    hourStart: null,
    hourAverage: null,
    hourCount: 0,
    partial: false,
    stale: false,
    quiet: false,
    epoch: null,
    seq: null,
  };
  /** @type {Chart} */
  const chart = { key, candles: [], live: [], loaded: 0, load: "loading", error: null };
  return {
    ...state,
    order: [...state.order, key],
    cards: { ...state.cards, [key]: card },
    charts: { ...state.charts, [key]: chart },
  };
}

/** @param {State} state @param {any} row @param {number} at @returns {State} */
function ticker(state, row, at) {
  const key = keyOf(row);
  if (key === null) return state;
  state = withSymbol(state, key);
  const before = /** @type {Card} */ (state.cards[key]);
  const price = number(row.price);
  if (price === null) return state;
  const moved = before.price !== null && price !== before.price;
  const age = number(row.age_ms);
  /** @type {Card} */
  const card = {
    ...before,
    price,
    previous: moved ? before.price : before.previous,
    moves: moved ? before.moves + 1 : before.moves,
    decimals: mostDecimals(before.decimals, [price, number(row.high_24h), number(row.low_24h)]),
    ts: epochMs(row.ts),
    bornAt: age === null ? at : at - Math.max(0, age),
    changePercent: number(row.change_24h_pct),
    hourStart: epochMs(row.hour_start),
    hourAverage: number(row.hour_avg),
    hourCount: number(row.hour_count) ?? 0,
    partial: row.partial === true,
    stale: row.stale === true,
    quiet: moved ? false : before.quiet,
    epoch: number(row.epoch),
    seq: number(row.seq),
  };
  return { ...state, cards: { ...state.cards, [key]: card } };
}

/** @param {State} state @param {any} row @returns {State} */
function candle(state, row) {
  const key = keyOf(row);
  const update = readCandle(row);
  if (key === null || update === null || (row.interval ?? "1m") !== "1m") return state;
  state = needDecimals(withSymbol(state, key), key, pricesOf(update));
  return setChart(state, key, (chart) => {
    const candles = merge(chart.candles, update);
    const live = merge(chart.live, update);
    return candles === chart.candles && live === chart.live ? chart : { ...chart, candles, live };
  });
}

/** @param {import("./candles.js").Candle} candle */
function pricesOf({ open, high, low, close }) {
  return [open, high, low, close];
}

/**
 * @param {State} state
 * @param {string} key
 * @param {readonly number[]} prices
 * @returns {State}
 */
function needDecimals(state, key, prices) {
  const card = state.cards[key];
  if (card === undefined) return state;
  const decimals = mostDecimals(card.decimals, prices);
  if (decimals === card.decimals) return state;
  return { ...state, cards: { ...state.cards, [key]: { ...card, decimals } } };
}

/** @param {State} state @param {any} row a `Feed`, hopefully @returns {State} */
function feed(state, row) {
  if (typeof row?.exchange !== "string" || typeof row.state !== "string") return state;
  let cards = state.cards;
  for (const { symbol, state: said } of Array.isArray(row.symbols) ? row.symbols : []) {
    const card = cards[`${row.exchange}:${symbol}`];
    const quiet = said === "quiet";
    if (card !== undefined && card.quiet !== quiet) {
      cards = { ...cards, [card.key]: { ...card, quiet } };
    }
  }
  return { ...state, cards, feeds: { ...state.feeds, [row.exchange]: row } };
}

/**
 * @param {State} state
 * @param {any} answer a `Status`, hopefully
 * @param {number} at
 * @returns {State}
 */
function status(state, answer, at) {
  const configured = (Array.isArray(answer?.symbols) ? answer.symbols : [])
    .map(keyOf)
    .filter((/** @type {string | null} */ key) => key !== null);
  const others = state.order.filter((key) => !configured.includes(key));
  const order = [...configured, ...others];
  let next = configured.reduce(withSymbol, state);
  next = (Array.isArray(answer?.feeds) ? answer.feeds : []).reduce(feed, next);
  return {
    ...next,
    version: typeof answer?.version === "string" ? answer.version : state.version,
    simulated: typeof answer?.simulated === "boolean" ? answer.simulated : state.simulated,
    replay: answer?.replay === true,
    order: order.join() === state.order.join() ? state.order : order,
    processes: Array.isArray(answer?.processes) ? answer.processes : state.processes,
    disk: answer?.disk ?? state.disk,
    statusError: null,
    database: database(state.database, answer, at),
  };
}

/**
 * The persister says whether it has the database. What it does not say leaves what was known.
 *
 * @param {Database} before
 * @param {any} answer
 * @param {number} at
 * @returns {Database}
 */
function database(before, answer, at) {
  const processes = Array.isArray(answer?.processes) ? answer.processes : [];
  const found = processes.find((/** @type {any} */ one) => one?.name === "persister");
  if (found?.state === "ready") return "present";
  if (found?.state !== "waiting: database" || typeof before === "object") return before;
  if ((number(found.uptime_s) ?? 0) < STARTING_S) return before;
  return { since: at, seenGo: before === "present" };
}

/**
 * @param {State} state
 * @param {string} key
 * @param {(chart: Chart) => Chart} change
 * @returns {State}
 */
function setChart(state, key, change) {
  const before = state.charts[key];
  if (before === undefined) return state;
  const after = change(before);
  return after === before ? state : { ...state, charts: { ...state.charts, [key]: after } };
}

/** @param {State} state @param {(chart: Chart) => Chart} change @returns {State} */
function mapCharts(state, change) {
  return state.order.reduce((next, key) => setChart(next, key, change), state);
}

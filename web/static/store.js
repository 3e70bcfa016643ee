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

import { merge, mergeAll, readCandle } from "./candles.js";
import { listed, newCard, number, ticker } from "./cards.js";
import { mostDecimals } from "./format.js";

/** A process that has run for less than this is still finding what it needs. */
const STARTING_S = 5;

/**
 * @typedef {import("./cards.js").Card} Card
 *
 * @typedef {object} Chart the hours of one symbol
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
 * @typedef {object} Markets how the table of all symbols was last read
 * @property {"loading" | "ready" | "failed"} load
 * @property {string | null} error a sentence
 * @property {number} loaded how often it has arrived
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
 * @property {Markets} markets
 * @property {number | null} heardAt ms of the last frame
 *
 * @typedef {{type: "frame", frame: import("./frames.js").Frame, at: number}
 *   | {type: "status", status: import("./messages.js").Status, at: number}
 *   | {type: "status_failed", error: string}
 *   | {type: "opened"}
 *   | {type: "prices", key: string, prices: readonly unknown[]}
 *   | {type: "candles_loading", key: string}
 *   | {type: "candles_loaded", key: string, candles: unknown}
 *   | {type: "candles_failed", key: string, error: string}
 *   | {type: "markets_loaded", rows: unknown, at: number}
 *   | {type: "markets_failed", error: string}} Change
 */

/** The interval of the candles of a `Chart`. */
export const CHART_INTERVAL = "1h";
/** So many of them are shown, the running one included. */
export const HOURS = 24;

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
  markets: { load: "loading", error: null, loaded: 0 },
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
      return opened(state);
    case "prices":
      return needDecimals(state, change.key, change.prices.map(number).filter((price) => price !== null));
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
    case "markets_loaded": {
      const loaded = state.markets.loaded + 1;
      const next = markets(state, Array.isArray(change.rows) ? change.rows : [], change.at);
      return { ...next, markets: { load: "ready", error: null, loaded } };
    }
    case "markets_failed":
      return { ...state, markets: { ...state.markets, load: "failed", error: change.error } };
  }
}

/** @param {State} state @param {import("./frames.js").Frame} frame @param {number} at */
function frame(state, { type, payload }, at) {
  switch (type) {
    case "price_update":
      return tickers(state, [payload], at);
    case "batch_update":
    case "snapshot":
      return mixed(state, rows(payload), at);
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
 * @param {any[]} all
 * @param {number} at
 */
function mixed(state, all, at) {
  const others = all.filter((row) => row?.price === undefined);
  const next = others.reduce((to, row) => (row?.o === undefined ? feed : candle)(to, row), state);
  return tickers(next, all, at);
}

/** @param {any} row @returns {string | null} */
function keyOf(row) {
  const named = typeof row?.exchange === "string" && typeof row?.symbol === "string";
  return named ? `${row.exchange}:${row.symbol}` : null;
}

/**
 * Return the state with a card and a chart for each of these keys, the new ones last in the order.
 *
 * @param {State} state
 * @param {readonly string[]} keys
 * @returns {State}
 */
function withSymbols(state, keys) {
  const come = [...new Set(keys)].filter((key) => state.cards[key] === undefined);
  if (come.length === 0) return state;
  const cards = { ...state.cards };
  const charts = { ...state.charts };
  for (const key of come) {
    cards[key] = newCard(key);
    charts[key] = { key, candles: [], live: [], loaded: 0, load: "loading", error: null };
  }
  return { ...state, order: [...state.order, ...come], cards, charts };
}

/**
 * Take many tickers with one copy of the cards.
 *
 * @param {State} state
 * @param {any[]} all
 * @param {number} at
 * @returns {State}
 */
function tickers(state, all, at) {
  const known = all.filter((row) => keyOf(row) !== null && number(row.price) !== null);
  if (known.length === 0) return state;
  const next = withSymbols(state, known.map((row) => `${row.exchange}:${row.symbol}`));
  const cards = { ...next.cards };
  for (const row of known) {
    const key = `${row.exchange}:${row.symbol}`;
    cards[key] = ticker(/** @type {Card} */ (cards[key]), row, at);
  }
  return { ...next, cards };
}

/**
 * Take the table of all symbols, the one with the greatest turnover first.
 *
 * @param {State} state
 * @param {any[]} all
 * @param {number} at
 * @returns {State}
 */
function markets(state, all, at) {
  const known = all.filter((row) => keyOf(row) !== null);
  const next = withSymbols(state, known.map((row) => `${row.exchange}:${row.symbol}`));
  const cards = { ...next.cards };
  for (const [rank, row] of known.entries()) {
    const key = `${row.exchange}:${row.symbol}`;
    cards[key] = listed(/** @type {Card} */ (cards[key]), row, rank, at);
  }
  return { ...next, cards };
}

/** @param {State} state @param {any} row @returns {State} */
function candle(state, row) {
  const key = keyOf(row);
  const update = readCandle(row);
  if (key === null || update === null || (row.interval ?? "1m") !== CHART_INTERVAL) return state;
  state = needDecimals(withSymbols(state, [key]), key, pricesOf(update));
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
  return withDecimals(state, key, mostDecimals(card.decimals, prices));
}

/**
 * @param {State} state
 * @param {string | null} key
 * @param {number | null} decimals
 * @returns {State}
 */
function withDecimals(state, key, decimals) {
  const card = state.cards[key ?? ""];
  if (card === undefined || (decimals ?? 0) <= card.decimals) return state;
  return { ...state, cards: { ...state.cards, [card.key]: { ...card, decimals: decimals ?? 0 } } };
}

/** @param {State} state @param {any} row a `Feed`, hopefully @returns {State} */
function feed(state, row) {
  if (typeof row?.exchange !== "string" || typeof row.state !== "string") return state;
  const cards = { ...state.cards };
  for (const { symbol, state: said } of Array.isArray(row.symbols) ? row.symbols : []) {
    const card = cards[`${row.exchange}:${symbol}`];
    const quiet = said === "quiet";
    if (card !== undefined && card.quiet !== quiet) cards[card.key] = { ...card, quiet };
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
  const order = [...new Set([...configured, ...state.order])];
  let next = withSymbols(state, configured);
  for (const row of answer?.symbols ?? []) next = withDecimals(next, keyOf(row), number(row?.decimals));
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

/** Forget what was heard on the connection before. @param {State} state @returns {State} */
function opened(state) {
  const charts = { ...state.charts };
  for (const chart of Object.values(charts)) {
    if (chart.live.length > 0) charts[chart.key] = { ...chart, live: [] };
  }
  return { ...state, charts };
}

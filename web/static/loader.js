/**
 * Fetches what the page begins with, and fetches it again when it may have changed unheard: the
 * status, which is also looked at now and then; and, while somebody wants them, the stored hours of
 * a symbol and the table of all symbols.
 *
 * A failed request is said on its chart and tried again by itself, with back-off; one request per
 * symbol at a time. Answers go to the reducers, nowhere else.
 *
 * @module
 */

import { effect } from "@preact/signals";
import { fetchCandles, fetchMarkets, fetchStatus } from "./api.js";
import { hasLooseEnd } from "./candles.js";
import { Job } from "./job.js";
import { cardOf, chartOf, connected, dispatch, order } from "./state.js";
import { HOURS } from "./store.js";

/** How often the status is asked for, and charts are looked over for candles that never closed. */
const LOOK_MS = 10_000;
/** Charts that are asked for at once: the others wait, so that what is gone to next does not. */
const CHARTS_AT_ONCE = 3;
/** How often the table of all symbols is asked for. */
const MARKETS_MS = 30_000;
/** How often the status is asked for where it is what is looked at. */
const OFTEN_MS = 3_000;

/** @type {Map<string, Job<any>>} */
const jobs = new Map();
/** The candle that was loose at the last look, by key. @type {Map<string, number>} */
const loose = new Map();
/** At how many looks a chart was shorter than what is known, by key. @type {Map<string, number>} */
const takenUp = new Map();
/** The keys whose hours are wanted. @type {Set<string>} */
const wanted = new Set();
/** How many want the table of all symbols, and when it was last asked for, ms. */
const table = { wanted: 0, askedAt: 0 };

/**
 * Fetch by `fetch`, hand over by `take`, and go on until it has worked or nobody wants it any more.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} fetch
 * @param {(answer: T) => void} take
 * @param {(error: string) => void} fail
 * @param {() => boolean} isWanted
 */
function run(name, fetch, take, fail, isWanted = () => true) {
  const goesOn = () => isWanted() || !jobs.delete(name);
  const job = jobs.get(name) ?? new Job(fetch, take, fail, goesOn);
  jobs.set(name, job);
  void job.run();
}

let asked = 0;
/** @type {(() => void)[]} */
const waiting = [];

/**
 * Fetch candles when it is their turn.
 *
 * @param {string} key
 */
async function fetchInTurn(key) {
  if (asked < CHARTS_AT_ONCE) asked += 1;
  else await new Promise((turn) => waiting.push(() => turn(null)));
  try {
    return await fetchCandles(key);
  } finally {
    const next = waiting.shift();
    if (next === undefined) asked -= 1;
    else next();
  }
}

/**
 * Fetch one symbol's stored candles, now.
 *
 * @param {string} key
 */
export function loadCandles(key) {
  dispatch({ type: "candles_loading", key });
  run(
    key,
    () => fetchInTurn(key),
    (candles) => dispatch({ type: "candles_loaded", key, candles }),
    (error) => dispatch({ type: "candles_failed", key, error }),
    () => wanted.has(key),
  );
}

/** Fetch the status: which symbols there are, if they are simulated, how the database is. */
export function loadStatus() {
  run(
    "status",
    fetchStatus,
    (status) => dispatch({ type: "status", status, at: Date.now() }),
    (error) => dispatch({ type: "status_failed", error }),
  );
}

/** Fetch the status now, and often from then on; return how to end that. */
export function loadStatusOften() {
  loadStatus();
  const looking = setInterval(() => {
    if (document.visibilityState === "visible") loadStatus();
  }, OFTEN_MS);
  return () => clearInterval(looking);
}

/** Fetch the stored candles that are wanted anew (subscribe first, then ask), others when they are. */
export function loadAllCandles() {
  for (const key of order.peek()) if (!wanted.has(key)) jobs.delete(key);
  wanted.forEach(loadCandles);
}

/**
 * Keep the stored hours of a symbol here until what is returned is called.
 *
 * @param {string} key
 * @returns {() => void}
 */
export function wantCandles(key) {
  wanted.add(key);
  if (connected.peek() && !jobs.has(key)) loadCandles(key);
  return () => void wanted.delete(key);
}

/** Fetch the table of all symbols, now. */
export function loadMarkets() {
  table.askedAt = Date.now();
  run(
    "markets",
    fetchMarkets,
    (rows) => dispatch({ type: "markets_loaded", rows, at: Date.now() }),
    (error) => dispatch({ type: "markets_failed", error }),
    () => table.wanted > 0,
  );
}

/**
 * Keep the table of all symbols fresh until what is returned is called.
 *
 * @returns {() => void}
 */
export function wantMarkets() {
  table.wanted += 1;
  if (Date.now() - table.askedAt > MARKETS_MS) loadMarkets();
  return () => {
    table.wanted -= 1;
  };
}

/** Ask again, once, for candles whose end was missed (see `hasLooseEnd`). */
function mendLooseEnds() {
  for (const key of wanted) {
    const { candles, load } = chartOf(key).value;
    const found = hasLooseEnd(candles) ? candles.find((candle) => !candle.closed) : undefined;
    if (load !== "ready" || found === undefined) continue;
    if (loose.get(key) === found.time) {
      loose.set(key, -found.time);
      loadCandles(key);
    } else if (loose.get(key) !== -found.time) {
      loose.set(key, found.time);
    }
  }
}

/**
 * Ask again for a chart that is short although 24 hours are known, at looks that lie ever farther
 * apart: on a fresh installation the exchange's own candles come after the first prices.
 */
function takeUpPast() {
  for (const key of wanted) {
    const { candles, load } = chartOf(key).value;
    const known = cardOf(key).value.changePercent !== null;
    if (!known || load !== "ready" || candles.length >= HOURS) continue;
    const times = (takenUp.get(key) ?? 0) + 1;
    takenUp.set(key, times);
    if (Number.isInteger(Math.log2(times))) loadCandles(key);
  }
}

function look() {
  mendLooseEnds();
  takeUpPast();
  if (!connected.value || document.visibilityState !== "visible") return;
  loadStatus();
  if (table.wanted > 0 && Date.now() - table.askedAt >= MARKETS_MS) loadMarkets();
}

/** Begin to look after the status and the charts, for the life of the page. */
export function watch() {
  setInterval(look, LOOK_MS);
  effect(() => {
    if (!connected.value) return;
    for (const key of wanted) if (!jobs.has(key)) loadCandles(key);
  });
}

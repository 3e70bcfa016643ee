/**
 * The past of one symbol that a chart shows, and what is added to it: candles of one interval and
 * the averages of hours. What is announced comes by the page's connection, what is stored by REST:
 * the newest first, older pages when they are looked at, and the newest again when something may
 * have been missed.
 *
 * @module
 */

import { effect, signal } from "@preact/signals";
import { RequestFailed, ask } from "./api.js";
import { HOURS_ASKED_MAX, HOUR_S, withHours } from "./hours.js";
import { INTERVALS, opening, partOf } from "./intervals.js";
import { Job } from "./job.js";
import { newSeries, withLate, withOlder, withParts, withStored, withUpdate } from "./series.js";
import { demand, dispatch, listen, missed, serverTime } from "./state.js";

/** Candles of a page: the first fills a screen and what is looked at next, the others are larger. */
const FIRST = 300;
const PAGE = 1_000;
/**
 * Candles of the exchange's own come some moments after the first prices of a fresh installation: a
 * short past is asked for again, so often.
 */
const SHORT = 120;
const AGAIN_MS = 10_000;
const AGAIN_MAX = 3;

/** @typedef {import("./series.js").Series} Series */
/** @typedef {{state: "loading" | "ready" | "failed", error: string | null}} Load */

/** @type {Load} */
const LOADING = { state: "loading", error: null };
/** @type {Load} */
const READY = { state: "ready", error: null };
/** @param {string} error @returns {Load} */
const failed = (error) => ({ state: "failed", error });

/** @param {number} seconds */
const iso = (seconds) => new Date(seconds * 1000).toISOString();

/**
 * @param {string} path
 * @param {Record<string, string | number>} query
 * @returns {string}
 */
export function address(path, query) {
  return `${path}?${new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]))}`;
}

/**
 * @param {{symbol: string} & Record<string, string | number>} query
 * @returns {Promise<unknown[]>}
 */
async function candles(query) {
  const { body } = await ask(address("/api/candles", query));
  if (!Array.isArray(body)) throw new RequestFailed("The server answered with no list of candles.");
  needDecimals(query.symbol, body);
  return body;
}

/** Let what is shown of a symbol have the digits that candles have. @param {string} key @param {any[]} rows */
function needDecimals(key, rows) {
  dispatch({ type: "prices", key, prices: rows.flatMap((row) => [row?.o, row?.h, row?.l, row?.c]) });
}

/** Rows of a frame that are of a symbol. @param {string} key @param {string} channel */
function rowsOf(key, channel) {
  return (/** @type {import("./frames.js").Frame} */ { type, payload }) => {
    const rows =
      type === `${channel}_update`
        ? [payload]
        : type === "snapshot" && payload.channel === channel && Array.isArray(payload.updates)
          ? payload.updates
          : [];
    return rows.filter((/** @type {any} */ row) => `${row.exchange}:${row.symbol}` === key);
  };
}

/**
 * Hear what a channel brings of a symbol until what is returned is called.
 *
 * @param {import("./demand.js").Demand} wanted of one symbol
 * @param {(rows: any[]) => void} take
 * @returns {() => void}
 */
export function hear(wanted, take) {
  const rows = rowsOf(/** @type {string} */ (wanted.symbols[0]), wanted.channel);
  const deaf = listen((frame) => {
    const heard = rows(frame);
    if (heard.length > 0) take(heard);
  });
  const release = demand(wanted);
  return () => {
    deaf();
    release();
  };
}

/**
 * Open the candles of a symbol in an interval.
 *
 * @param {string} key
 * @param {import("./intervals.js").Interval} interval
 */
export function openCandles(key, interval) {
  const series = signal(newSeries(interval));
  const load = signal(LOADING);
  const part = partOf(interval);
  const seconds = INTERVALS[interval];
  const fail = (/** @type {string} */ error) => {
    load.value = failed(error);
  };
  const newest = new Job(
    () => candles({ symbol: key, interval, limit: series.peek().until === -Infinity ? FIRST : PAGE }),
    (rows) => {
      series.value = withStored(series.peek(), rows);
      load.value = READY;
    },
    fail,
  );
  const parts = new Job(
    async () => {
      // The running candle and the one before it, of which trades may still be announced.
      const since = opening(serverTime() / 1000, seconds) - seconds;
      return { since, rows: await candles({ symbol: key, interval: part, from: iso(since) }) };
    },
    ({ rows, since }) => {
      series.value = withParts(series.peek(), rows, since);
    },
    fail,
  );
  let paging = false;
  const older = new Job(
    () => {
      const first = series.peek().candles[0];
      if (first === undefined) return Promise.resolve(null);
      return candles({ symbol: key, interval, to: iso(first.time), limit: PAGE });
    },
    (rows) => {
      paging = false;
      load.value = READY;
      if (rows !== null) series.value = withOlder(series.peek(), rows);
    },
    fail,
  );
  const late = new Job(
    () => candles({ symbol: key, interval, from: iso(series.peek().late ?? 0) }),
    (rows) => {
      series.value = withLate(series.peek(), rows);
    },
  );
  const deaf = hear({ channel: "candle", symbols: [key], interval: part }, (rows) => {
    const before = series.peek();
    needDecimals(key, rows);
    series.value = rows.reduce(withUpdate, before);
    if (series.peek().late !== before.late) void late.run();
  });
  const refresh = () => {
    void newest.run();
    if (part !== interval) void parts.run();
  };
  const stop = effect(() => {
    void missed.value;
    refresh();
  });
  let left = AGAIN_MAX;
  const again = setInterval(() => {
    left -= 1;
    if (left <= 0 || series.peek().candles.length >= SHORT) clearInterval(again);
    else refresh();
  }, AGAIN_MS);
  return {
    series,
    load,
    /** Ask for the page before the oldest candle, if there may be one. */
    older() {
      const { whole, until } = series.peek();
      if (paging || whole || until === -Infinity) return;
      paging = true;
      void older.run();
    },
    /** Ask for the newest ones, now. */
    retry() {
      load.value = LOADING;
      refresh();
    },
    close() {
      stop();
      deaf();
      clearInterval(again);
      for (const job of [newest, parts, older, late]) job.end();
    },
  };
}

/**
 * Open the averages of the hours of a symbol.
 *
 * @param {string} key
 */
export function openHours(key) {
  const hours = signal(/** @type {readonly import("./hours.js").Hour[]} */ ([]));
  /** Hours since this one are here; what is wanted is since the other one. */
  let since = opening(serverTime() / 1000, HOUR_S) + HOUR_S;
  let wanted = since;
  const job = new Job(
    async () => {
      const from = Math.max(wanted, since - HOURS_ASKED_MAX * HOUR_S);
      const query = { pair: key, from: iso(from), to: iso(since) };
      return { from, body: (await ask(address("/api/averages", query))).body };
    },
    ({ from, body }) => {
      since = from;
      hours.value = withHours(hours.peek(), body?.points);
      if (wanted < since) queueMicrotask(() => void job.run());
    },
  );
  const deaf = hear({ channel: "average", symbols: [key] }, (rows) => {
    hours.value = withHours(hours.peek(), rows);
  });
  const stop = effect(() => {
    if (missed.value === 0) return;
    since = opening(serverTime() / 1000, HOUR_S) + HOUR_S;
    if (wanted < since) void job.run();
  });
  return {
    hours,
    /** Have those since a moment. @param {number} from s UTC */
    reach(from) {
      const before = wanted;
      wanted = Math.min(wanted, opening(from, HOUR_S));
      if (wanted < before) void job.run();
    },
    close() {
      stop();
      deaf();
      job.end();
    },
  };
}

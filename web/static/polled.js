/**
 * What polling knows, as the same payloads that a stream would send. Pure.
 *
 * In come answers of `/api/prices` (everything, seldom), `/api/latest` (prices, often) and
 * `/api/averages` (the running hour, in turn); out go `TickerPayload`s and `AveragePayload`s. What
 * a stream counts by, `epoch` and `seq`, is null: polling has no stream.
 *
 * @module
 */

import { epochMs } from "./candles.js";
import { plain } from "./wishes.js";

/** What one query may name, in characters: routes take queries of up to 2,048. */
export const NAMES_CHARS_MAX = 1_600;

/** @param {any} row @returns {string} `exchange:symbol` */
const keyOf = ({ exchange, symbol }) => `${exchange}:${symbol}`;

/**
 * Return the spellings by which a symbol may be wanted, the whole name first.
 *
 * @param {any} row of `/api/prices`
 */
function namesOf(row) {
  const base = String(row.symbol).split("-")[0] ?? "";
  return [keyOf(row), row.symbol, base, row.coin_id ?? ""].map(plain);
}

/** All symbols, and what was last heard of each. */
export class Polled {
  /** Rows of `/api/prices` by key, in the order of the configuration. @type {Map<string, any>} */
  #rows = new Map();
  /** The running hour's point of `/api/averages`, by key. @type {Map<string, any>} */
  #hours = new Map();

  /** Take the answer of `/api/prices`. @param {any} rows */
  reload(rows) {
    const known = (Array.isArray(rows) ? rows : []).filter(
      (row) => typeof row?.symbol === "string",
    );
    this.#rows = new Map(known.map((row) => [keyOf(row), row]));
    for (const key of this.#hours.keys()) if (!this.#rows.has(key)) this.#hours.delete(key);
  }

  /**
   * Return the keys of the symbols that a wish means, and the names that mean none.
   *
   * @param {import("./wishes.js").Wish} wish
   * @returns {{keys: string[], unknown: string[]}}
   */
  find({ symbols = "*" }) {
    if (symbols === "*") return { keys: [...this.#rows.keys()], unknown: [] };
    const spelled = [...this.#rows.values()].map((row) => ({
      key: keyOf(row),
      names: namesOf(row),
    }));
    /** @type {Set<string>} */
    const keys = new Set();
    const unknown = [];
    for (const name of symbols) {
      const found = spelled.find(({ names }) => names.includes(plain(name)));
      if (found === undefined) unknown.push(name);
      else keys.add(found.key);
    }
    return { keys: [...keys], unknown };
  }

  /**
   * Take the answer of `/api/latest` to these keys; return those whose price is news.
   *
   * @param {any} answer
   * @returns {string[]}
   */
  latest(answer) {
    const changed = [];
    for (const { symbol: key, price, volume, timestamp } of Array.isArray(answer) ? answer : []) {
      const row = this.#rows.get(key);
      if (row === undefined || price === null) continue;
      if (row.price === price && row.timestamp === timestamp) continue;
      // It has come since the last look; how long ago is not known.
      this.#rows.set(key, { ...row, price, volume, timestamp, age_ms: null, stale: false });
      changed.push(key);
    }
    return changed;
  }

  /**
   * Take the answer of `/api/averages` to one key.
   *
   * @param {string} key
   * @param {any} answer
   */
  hour(key, answer) {
    const point = Array.isArray(answer?.points) ? answer.points.at(-1) : undefined;
    if (point !== undefined) this.#hours.set(key, point);
  }

  /** Return a ticker; null before the first trade. @param {string} key */
  ticker(key) {
    const row = this.#rows.get(key);
    if (row === undefined || row.price === null) return null;
    const hour = this.#hours.get(key);
    const { coin_id: _coin, volume: _size, turnover_24h: _turnover, timestamp, ...same } = row;
    return {
      ...same,
      ts: epochMs(timestamp),
      hour_start: hour?.t ?? null,
      hour_avg: hour?.avg ?? null,
      hour_count: hour?.n ?? 0,
      partial: hour?.partial === true,
      epoch: null,
      seq: null,
    };
  }

  /** Return the running hour's average; null before it is known. @param {string} key */
  average(key) {
    const row = this.#rows.get(key);
    const hour = this.#hours.get(key);
    if (row === undefined || hour === undefined) return null;
    return {
      symbol: row.symbol,
      exchange: row.exchange,
      hour_start: hour.t,
      avg: hour.avg,
      count: hour.n,
      last_ts: epochMs(row.timestamp),
      partial: hour.partial === true,
      epoch: null,
      seq: null,
    };
  }
}

/**
 * Cut names into parts that each fit a query.
 *
 * @param {readonly string[]} names
 * @returns {string[]} comma lists
 */
export function parts(names) {
  /** @type {string[]} */
  const lists = [];
  for (const name of names) {
    const last = lists.at(-1);
    if (last === undefined || last.length + name.length >= NAMES_CHARS_MAX) lists.push(name);
    else lists[lists.length - 1] = `${last},${name}`;
  }
  return lists;
}

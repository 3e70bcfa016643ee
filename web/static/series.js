/**
 * The candles of one symbol in one interval, as a chart keeps them: stored pages, older and older,
 * and what is announced. Pure; the kept number is capped.
 *
 * Only 1m, 1h and 1d are announced. A candle of another interval is made of those, all of which are
 * kept since `partsSince`, an opening: what is older can only be asked for, and is named in `late`.
 *
 * @module
 */

import { merge, mergeAll, readCandle } from "./candles.js";
import { INTERVALS, opening, partOf } from "./intervals.js";
import { rollUp } from "./rolling.js";

/** @typedef {import("./candles.js").Candle} Candle */
/** @typedef {import("./intervals.js").Interval} Interval */

/** More candles are not kept: the oldest go first. */
export const KEPT_MAX = 20_000;
/** More parts are not kept. */
const PARTS_MAX = 600;

/**
 * @typedef {object} Series
 * @property {Interval} interval
 * @property {readonly Candle[]} candles
 * @property {readonly Candle[]} parts none where the interval itself is announced
 * @property {number} partsSince s
 * @property {number} until s, the newest candle of the newest page
 * @property {boolean} whole nothing is older than these candles, or no more are kept
 * @property {number | null} late when a candle opens that has changed and must be asked for
 */

/** @param {Interval} interval @returns {Series} */
export function newSeries(interval) {
  const nothing = { candles: [], parts: [], partsSince: Infinity, until: -Infinity };
  return { interval, ...nothing, whole: false, late: null };
}

/** @param {any} rows `CandleRow[]`, hopefully @returns {Candle[]} */
function read(rows) {
  return (Array.isArray(rows) ? rows : []).map(readCandle).filter((candle) => candle !== null);
}

/**
 * Take stored candles, anew.
 *
 * @param {Series} series
 * @param {unknown} rows
 * @returns {Series}
 */
export function withStored(series, rows) {
  const stored = read(rows);
  const first = stored[0]?.time ?? series.until;
  // What lies between the page and what was kept before it is not known: only the page can stay.
  const apart = first > series.until;
  const before = apart ? series.candles.filter(({ time }) => time >= first) : series.candles;
  return {
    ...series,
    candles: mergeAll(before, stored, KEPT_MAX),
    until: Math.max(series.until, stored.at(-1)?.time ?? -Infinity),
    whole: series.whole && !apart,
  };
}

/**
 * Take what was asked for as it was `late`.
 *
 * @param {Series} series
 * @param {unknown} rows
 * @returns {Series}
 */
export function withLate(series, rows) {
  return { ...series, candles: mergeAll(series.candles, read(rows), KEPT_MAX), late: null };
}

/**
 * Take the page before the oldest candle; an empty one says that there is none.
 *
 * @param {Series} series
 * @param {unknown} rows
 * @returns {Series}
 */
export function withOlder(series, rows) {
  const older = read(rows);
  const candles = mergeAll(older, series.candles, KEPT_MAX);
  return { ...series, candles, whole: older.length === 0 || candles.length >= KEPT_MAX };
}

/**
 * Take stored parts: all of those since an opening.
 *
 * @param {Series} series
 * @param {unknown} rows
 * @param {number} since s
 * @returns {Series}
 */
export function withParts(series, rows, since) {
  const parts = mergeAll(
    series.parts.filter(({ time }) => time >= since),
    read(rows),
    PARTS_MAX,
  );
  return rolled({ ...series, parts, partsSince: since }, parts);
}

/**
 * Take a candle that was announced; one of another interval changes nothing.
 *
 * @param {Series} series
 * @param {any} row `CandlePayload`, hopefully
 * @returns {Series}
 */
export function withUpdate(series, row) {
  const update = readCandle(row);
  const part = partOf(series.interval);
  if (update === null || (row.interval ?? "1m") !== part) return series;
  if (part === series.interval) {
    // Before the oldest there is a page that is still to come, and has it.
    const first = series.candles[0];
    if (first !== undefined && update.time < first.time && !series.whole) return series;
    const candles = merge(series.candles, update, KEPT_MAX);
    return candles === series.candles ? series : { ...series, candles };
  }
  const time = opening(update.time, INTERVALS[series.interval]);
  const parts = merge(series.parts, update, PARTS_MAX);
  if (series.partsSince === Infinity) return { ...series, parts };
  if (update.time < series.partsSince) {
    const oldest = series.candles[0];
    const known = oldest !== undefined && time >= oldest.time;
    return known ? { ...series, late: Math.min(time, series.late ?? time) } : series;
  }
  if (parts === series.parts) return series;
  const changed = parts.filter((each) => opening(each.time, INTERVALS[series.interval]) === time);
  return rolled({ ...series, parts, partsSince: since(series, parts) }, changed);
}

/** @param {Series} series @param {readonly Candle[]} parts those that are kept now */
function since({ interval, partsSince }, parts) {
  const first = parts[0];
  if (first === undefined || parts.length < PARTS_MAX) return partsSince;
  const seconds = INTERVALS[interval];
  return Math.max(partsSince, opening(first.time, seconds) + seconds);
}

/** @param {Series} series @param {readonly Candle[]} parts all of those of some candles */
function rolled(series, parts) {
  const seconds = INTERVALS[series.interval];
  const within = parts.filter(({ time }) => time >= series.partsSince);
  const wholes = rollUp(within, seconds, INTERVALS[partOf(series.interval)]);
  const candles = wholes.reduce(
    (/** @type {readonly Candle[]} */ all, each) => merge(all, each, KEPT_MAX),
    series.candles,
  );
  return { ...series, candles };
}

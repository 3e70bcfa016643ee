/**
 * Averages of hours as the page keeps them: in order, one per hour, the one of the most trades. Pure.
 *
 * @module
 */

import { epochMs } from "./candles.js";

export const HOUR_S = 3_600;
/** One request may ask for so many, and so many are kept: 31 and 366 days. */
export const HOURS_ASKED_MAX = 744;
const HOURS_MAX = 8_784;

/**
 * @typedef {object} Hour
 * @property {number} time its first instant, s UTC
 * @property {number} average
 * @property {number} trades
 * @property {boolean} partial
 */

/**
 * @param {any} row a point of `/api/averages` or an `AveragePayload`, hopefully
 * @returns {Hour | null}
 */
function read(row) {
  const ms = epochMs(row?.t ?? row?.hour_start);
  const [average, trades] = [row?.avg, row?.n ?? row?.count];
  if (ms === null || !Number.isFinite(average) || !Number.isFinite(trades)) return null;
  return { time: ms / 1000, average, trades, partial: row.partial === true };
}

/**
 * Return the hours with these among them; the same array where none is news.
 *
 * @param {readonly Hour[]} hours
 * @param {unknown} rows
 * @returns {readonly Hour[]}
 */
export function withHours(hours, rows) {
  const byTime = new Map(hours.map((hour) => [hour.time, hour]));
  let changed = false;
  for (const hour of (Array.isArray(rows) ? rows : []).map(read)) {
    if (hour === null) continue;
    const present = byTime.get(hour.time);
    if (present !== undefined && present.trades > hour.trades) continue;
    if (present?.trades === hour.trades && present.partial === hour.partial) continue;
    byTime.set(hour.time, hour);
    changed = true;
  }
  if (!changed) return hours;
  return [...byTime.values()].sort((a, b) => a.time - b.time).slice(-HOURS_MAX);
}

/**
 * Return the average of the hour of each candle, null where there is none, and where the candle is of
 * trades that the average lacks: the exchange's own.
 *
 * @param {readonly Hour[]} hours
 * @param {readonly import("./candles.js").Candle[]} candles
 * @returns {(number | null)[]}
 */
export function averagesOf(hours, candles) {
  const byTime = new Map(hours.map(({ time, average }) => [time, average]));
  return candles.map(({ time, published }) =>
    published ? null : (byTime.get(time - (time % HOUR_S)) ?? null),
  );
}

/**
 * How times stand under a chart. The chart thinks in UTC, and would have its days begin there: so
 * it is given moments of the user's zone as if they were UTC, by one offset for all: that of now. Times
 * are written from the true moment, dates as the chart has them, whose days so begin an hour early or
 * late on the other side of a change of the clocks. Days and weeks are buckets of UTC, and are
 * labelled as such.
 *
 * @module
 */

import { time } from "../format.js";
import { DAY } from "../intervals.js";

/** @typedef {import("lightweight-charts").UTCTimestamp} Stamp */

/** What a mark is of, as lightweight-charts numbers it. */
const YEAR = 0;
const MONTH = 1;
const DAY_OF_MONTH = 2;

/** @type {Intl.DateTimeFormatOptions} */
const DATE = { day: "numeric", month: "short" };

/** The times of the candles of one interval. */
export class Times {
  /**
   * @param {number} seconds of the interval
   * @param {number} [now] ms
   */
  constructor(seconds, now = Date.now()) {
    this.daily = seconds >= DAY;
    this.shift = this.daily ? 0 : -new Date(now).getTimezoneOffset() * 60;
  }

  /** @param {number} at s UTC */
  stamp(at) {
    return /** @type {Stamp} */ (at + this.shift);
  }

  /** @param {unknown} stamp @returns {number} s UTC */
  moment(stamp) {
    return Number(stamp) - this.shift;
  }

  /** What stands under a mark. @param {unknown} stamp @param {number} kind */
  mark(stamp, kind) {
    const date = new Date(Number(stamp) * 1000);
    const timeZone = "UTC";
    if (kind === YEAR) return date.toLocaleDateString(undefined, { year: "numeric", timeZone });
    if (kind === MONTH && this.daily) return date.toLocaleDateString(undefined, { month: "short", timeZone });
    if (kind <= DAY_OF_MONTH) return date.toLocaleDateString(undefined, { ...DATE, timeZone });
    const ms = this.moment(stamp) * 1000;
    return time(ms, ms, { seconds: false });
  }

  /** The time of a candle in words. @param {number} at s UTC */
  label(at) {
    const ms = at * 1000;
    if (!this.daily) return time(ms, Date.now(), { seconds: false });
    /** @type {Intl.DateTimeFormatOptions} */
    const options = { ...DATE, year: "numeric", timeZone: "UTC" };
    return `${new Date(ms).toLocaleDateString(undefined, options)} UTC`;
  }
}

/**
 * Candle intervals and the ranges that are shown of them. Pure: moments are arguments, seconds UTC.
 *
 * A bucket is half-open; weeks begin on Monday, as at the server (market/intervals.py).
 *
 * @module
 */

/** @typedef {"1m" | "5m" | "15m" | "1h" | "4h" | "1d" | "1w"} Interval */
/** @typedef {"1H" | "24H" | "7D" | "1M" | "All"} RangeName */

const HOUR = 3_600;
export const DAY = 86_400;
const WEEK = 7 * DAY;
/** The first Monday of Unix time. */
const MONDAY = 4 * DAY;

/** Seconds of each, the shortest first. @type {Readonly<Record<Interval, number>>} */
export const INTERVALS = {
  "1m": 60,
  "5m": 300,
  "15m": 900,
  "1h": HOUR,
  "4h": 4 * HOUR,
  "1d": DAY,
  "1w": WEEK,
};

/** What may be shown at once, and the interval that suits it. */
export const RANGES = /** @type {const} */ ({
  "1H": { seconds: HOUR, interval: "1m" },
  "24H": { seconds: DAY, interval: "5m" },
  "7D": { seconds: WEEK, interval: "1h" },
  "1M": { seconds: 30 * DAY, interval: "4h" },
  All: { seconds: Infinity, interval: "1d" },
});

/** Fewer candles are no chart, and more cannot be told apart. */
const SHOWN_MIN = 24;
const SHOWN_MAX = 1_500;

/**
 * Return the interval that is announced as it changes and that this one is made of.
 *
 * @param {Interval} interval
 * @returns {"1m" | "1h" | "1d"}
 */
export function partOf(interval) {
  const seconds = INTERVALS[interval];
  if (seconds < HOUR) return "1m";
  return seconds < DAY ? "1h" : "1d";
}

/**
 * Return when the bucket opens that has a moment.
 *
 * @param {number} at
 * @param {number} seconds of the interval
 */
export function opening(at, seconds) {
  const origin = seconds % WEEK === 0 ? MONDAY : 0;
  return Math.floor((at - origin) / seconds) * seconds + origin;
}

/**
 * Return the interval in which a range is shown: the present one where that makes a chart.
 *
 * @param {RangeName} range
 * @param {Interval} present
 * @returns {Interval}
 */
export function intervalFor(range, present) {
  const { seconds, interval } = RANGES[range];
  if (seconds === Infinity) return INTERVALS[present] >= DAY ? present : interval;
  const count = seconds / INTERVALS[present];
  return count >= SHOWN_MIN && count <= SHOWN_MAX ? present : interval;
}

/**
 * Return how long until a candle closes: `0:42`, `3:07:09`, `2 d 4 h`; "" where it has closed.
 *
 * @param {number} opened
 * @param {number} seconds of the interval
 * @param {number} now
 */
export function countdown(opened, seconds, now) {
  const left = Math.ceil(opened + seconds - now);
  if (left <= 0 || left > seconds) return "";
  if (left >= DAY) return `${Math.floor(left / DAY)}\u202fd ${Math.floor((left % DAY) / HOUR)}\u202fh`;
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(left / HOUR), Math.floor((left % HOUR) / 60)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
}

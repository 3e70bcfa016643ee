/**
 * Numbers and times as people read them: in the user's locale and zone, a real minus, a thin space
 * before units, a dash for what is not known. Pure but for the locale, which is an argument.
 *
 * @module
 */

/**
 * @typedef {object} Place whose numbers and times; default the user's
 * @property {string} [locale]
 * @property {string} [timeZone]
 */

export const DASH = "–";
const THIN = "\u202f";
/** Prices are shown with at least and at most so many decimals. */
export const DECIMALS_MIN = 2;
export const DECIMALS_MAX = 12;

/** @type {Map<string, Intl.NumberFormat>} */
const numberFormats = new Map();
/** @type {Map<string, Intl.DateTimeFormat>} */
const timeFormats = new Map();

/** @param {number} decimals @param {string | undefined} locale */
function numberFormat(decimals, locale) {
  const name = `${decimals} ${locale}`;
  let found = numberFormats.get(name);
  if (found === undefined) {
    found = new Intl.NumberFormat(locale, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    numberFormats.set(name, found);
  }
  return found;
}

/** @param {Intl.DateTimeFormatOptions} options @param {string | undefined} locale */
function timeFormat(options, locale) {
  const name = JSON.stringify([options, locale]);
  let found = timeFormats.get(name);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale, options);
    timeFormats.set(name, found);
  }
  return found;
}

/**
 * Return how many decimals a price needs: 77302.5 → 1, 0.00000123 → 8. Never above `DECIMALS_MAX`.
 *
 * @param {number} value
 * @returns {number}
 */
export function decimalsOf(value) {
  const [mantissa = "", exponent = "0"] = String(value).split("e");
  const decimals = (mantissa.split(".")[1] ?? "").length - Number(exponent);
  return Math.min(DECIMALS_MAX, Math.max(0, decimals));
}

/**
 * Return how many decimals these prices need together, never fewer than `before`: a JSON number has
 * lost its trailing zeros, 1.869 may have been 1.8690.
 *
 * @param {number} before
 * @param {readonly (number | null)[]} values
 * @returns {number}
 */
export function mostDecimals(before, values) {
  return Math.max(before, ...values.map((value) => (value === null ? 0 : decimalsOf(value))));
}

/**
 * @param {number | null} value
 * @param {number} decimals
 * @param {string} [locale]
 * @returns {string}
 */
export function price(value, decimals, locale) {
  if (value === null || !Number.isFinite(value)) return DASH;
  return minus(numberFormat(decimals, locale).format(value));
}

/**
 * Return a value as a program writes it, with all its digits: what is copied of it.
 *
 * @param {number | null} value
 * @returns {string} "" where it is not known
 */
export function full(value) {
  if (value === null || !Number.isFinite(value)) return "";
  return value.toLocaleString("en", { useGrouping: false, maximumFractionDigits: 20 });
}

/**
 * @param {number} value a count
 * @param {string} [locale]
 * @returns {string}
 */
export function count(value, locale) {
  return minus(numberFormat(0, locale).format(value));
}

/**
 * @param {number} value an amount of the base, of any magnitude
 * @param {string} [locale]
 * @returns {string} with three decimals where it is small, none where it is large
 */
export function volume(value, locale) {
  return minus(numberFormat(value < 100 ? 3 : 0, locale).format(value));
}

/**
 * @param {number | null} value an amount of any magnitude, where there is little room
 * @param {string} [locale]
 * @returns {string} to four digits: `1.234M`
 */
export function compact(value, locale) {
  if (value === null) return DASH;
  const name = `compact ${locale}`;
  const found =
    numberFormats.get(name) ??
    new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 4 });
  numberFormats.set(name, found);
  return minus(found.format(value));
}

/**
 * @param {number | null} value ms, of any magnitude
 * @param {string} [locale]
 * @returns {string} `0.8 ms`, `12 ms`, `1.2 s`, `3 min`
 */
export function milliseconds(value, locale) {
  if (value === null) return DASH;
  if (Math.abs(value) >= 120_000) return duration(value);
  if (Math.abs(value) >= 1000) return `${price(value / 1000, 1, locale)}${THIN}s`;
  return `${price(value, Math.abs(value) < 10 ? 1 : 0, locale)}${THIN}ms`;
}

/**
 * @param {number | null} value of memory or of a disk
 * @param {string} [locale]
 * @returns {string} `412 MB`, `1.8 GB`: in thousands, as disks are sold
 */
export function bytes(value, locale) {
  if (value === null) return DASH;
  const step = Math.min(4, Math.max(2, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** step;
  return `${price(scaled, scaled < 10 ? 1 : 0, locale)}${THIN}${["MB", "GB", "TB"][step - 2]}`;
}

/**
 * Return the direction and the size of a change: `▲ 1.24 %`, `▼ 0.30 %`, `0.00 %`.
 *
 * @param {number | null} value in percent
 * @param {string} [locale]
 * @returns {string}
 */
export function change(value, locale) {
  if (value === null || !Number.isFinite(value)) return DASH;
  const text = `${numberFormat(2, locale).format(Math.abs(value))}${THIN}%`;
  return Math.abs(value) < 0.005 ? text : `${arrow(value)}${THIN}${text}`;
}

/** @param {number} difference @returns {"▲" | "▼" | ""} */
export function arrow(difference) {
  if (difference > 0) return "▲";
  return difference < 0 ? "▼" : "";
}

/** @param {string} text */
function minus(text) {
  return text.replace("-", "−");
}

/**
 * Return how long something lasted: `41 s`, `3 min`, `2 h`, `4 d`.
 *
 * @param {number} ms
 * @returns {string}
 */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}${THIN}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}${THIN}min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}${THIN}h`;
  return `${Math.floor(seconds / 86_400)}${THIN}d`;
}

/**
 * Return how long ago something was: `now`, `2 s ago`.
 *
 * @param {number} ms
 * @returns {string}
 */
export function age(ms) {
  return ms < 1000 ? "now" : `${duration(ms)} ago`;
}

/**
 * Return the time of day in the user's zone, with the date where it is not today's.
 *
 * @param {number} ms epoch
 * @param {number} now ms epoch
 * @param {Place & {seconds?: boolean}} [options] `seconds`: default true
 * @returns {string}
 */
export function time(ms, now, { seconds = true, locale, timeZone } = {}) {
  /** @type {Intl.DateTimeFormatOptions} */
  const zone = timeZone === undefined ? {} : { timeZone };
  const clock = timeFormat(
    {
      hour: "2-digit",
      minute: "2-digit",
      ...(seconds && { second: "2-digit" }),
      hourCycle: "h23",
      ...zone,
    },
    locale,
  ).format(ms);
  const day = timeFormat({ day: "numeric", month: "short", year: "numeric", ...zone }, locale);
  if (day.format(ms) === day.format(now)) return clock;
  const near = Math.abs(now - ms) < 300 * 86_400_000;
  const short = timeFormat({ day: "numeric", month: "short", ...zone }, locale);
  return `${(near ? short : day).format(ms)}, ${clock}`;
}

/**
 * Return date, time and zone, for the hover.
 *
 * @param {number} ms epoch
 * @param {string} [locale]
 * @param {string} [timeZone] default the user's
 * @returns {string}
 */
export function moment(ms, locale, timeZone) {
  return timeFormat(
    { dateStyle: "medium", timeStyle: "long", ...(timeZone === undefined ? {} : { timeZone }) },
    locale,
  ).format(ms);
}

/**
 * Return an hour as its half-open bucket in UTC: `20 Nov 2026, 14:00–15:00 UTC`.
 *
 * @param {number} start ms epoch
 * @param {string} [locale]
 * @returns {string}
 */
export function utcHour(start, locale) {
  const day = timeFormat({ dateStyle: "medium", timeZone: "UTC" }, locale).format(start);
  const hours = new Date(start).getUTCHours();
  const two = (/** @type {number} */ hour) => `${String(hour % 24).padStart(2, "0")}:00`;
  return `${day}, ${two(hours)}–${two(hours + 1)} UTC`;
}

/**
 * Return `1st`, `2nd`, `3rd`, `4th` …
 *
 * @param {number} value
 * @returns {string}
 */
export function ordinal(value) {
  const tens = value % 100;
  if (tens >= 11 && tens <= 13) return `${value}th`;
  return `${value}${["th", "st", "nd", "rd"][value % 10] ?? "th"}`;
}

/**
 * Split `text` into what it has in common with the text before it and what is new.
 *
 * @param {string} text
 * @param {string | null} before
 * @returns {[same: string, changed: string]}
 */
export function splitChanged(text, before) {
  if (before === null || before.length !== text.length) return ["", text];
  let same = 0;
  while (same < text.length && text[same] === before[same]) same += 1;
  return [text.slice(0, same), text.slice(same)];
}

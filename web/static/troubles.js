/**
 * What is wrong with an installation, the worst first: what, since when, what to try. Pure.
 *
 * In come the answers of `/api/status`, `/api/quality` and `/api/gaps?state=open`; out go rows for
 * people. What is not known is no trouble.
 *
 * @module
 */

import { epochMs } from "./candles.js";
import { bytes, count } from "./format.js";
import { judge } from "./processes.js";

/**
 * @typedef {object} Trouble
 * @property {"bad" | "warn"} level
 * @property {string} what
 * @property {string} why "" where nothing more is known
 * @property {string} advice
 * @property {number | null} since ms UTC
 *
 * @typedef {object} Known
 * @property {readonly import("./messages.js").ProcessStatus[]} processes
 * @property {readonly import("./messages.js").Feed[]} feeds
 * @property {import("./messages.js").Disk | null} disk
 * @property {readonly import("./messages.js").Quality[]} quality
 * @property {readonly import("./messages.js").MissingTrades[]} gaps the open ones
 */

/** With less than this part of it free, or so many bytes, a disk is nearly full. */
const DISK_PART_MIN = 0.05;
const DISK_BYTES_MIN = 2 ** 30;
/** A gap that is younger is being filled. */
const GAP_MS = 60_000;

/** @type {Trouble} */
const UNHEARD = {
  level: "warn",
  what: "Nothing has been heard of any feed",
  why: "",
  advice: "A web process that has just begun hears of all within seconds; if not, look at the feeds.",
  since: null,
};

/**
 * @param {Known} known
 * @param {number} now ms
 * @returns {Trouble[]}
 */
export function troublesOf({ processes, feeds, disk, quality, gaps }, now) {
  const found = [
    ...processes.flatMap(ofProcess),
    ...feeds.flatMap(ofFeed),
    ...ofDisk(disk),
    ...(feeds.length === 0 && quality.length > 0 ? [UNHEARD] : []),
    ...quality.flatMap((row) => ofSymbol(row, now)),
    ...ofGaps(gaps, now),
  ];
  const rank = (/** @type {Trouble} */ { level }) => (level === "bad" ? 0 : 1);
  return found.sort((one, other) => rank(one) - rank(other));
}

/** @param {import("./messages.js").ProcessStatus} process @returns {Trouble[]} */
function ofProcess({ name, state, since, last_error }) {
  const { level, word, advice } = judge(state);
  if (level === "good" || level === "unused") return [];
  return [{ level, what: `${name}: ${word}`, why: last_error ?? "", advice, since }];
}

/** @param {import("./messages.js").Feed} feed @returns {Trouble[]} */
function ofFeed({ exchange, state, since, reason, silent, journal_ok }) {
  /** @type {Trouble[]} */
  const found = [];
  if (!journal_ok)
    found.push({
      level: "bad",
      what: `${exchange}: trades cannot be recorded`,
      why: "",
      advice: "Make room on the disk of DATA_DIR, and see that it can be written to.",
      since: null,
    });
  if (!silent && state === "connecting")
    found.push({
      level: "warn",
      what: `${exchange} is being connected to`,
      why: "",
      advice: "What is missed until then is asked for.",
      since,
    });
  if (!silent && (state === "reconnecting" || state === "disconnected"))
    found.push({
      level: "bad",
      what: `${exchange} cannot be reached`,
      why: reason ?? "",
      advice: "It is tried again by itself; what was missed is then asked for.",
      since,
    });
  return found;
}

/** @param {import("./messages.js").Disk | null} disk @returns {Trouble[]} */
function ofDisk(disk) {
  const { free_bytes: free = null, total_bytes: total = null } = disk ?? {};
  if (free === null || total === null) return [];
  if (free >= DISK_BYTES_MIN && free >= total * DISK_PART_MIN) return [];
  return [
    {
      level: "warn",
      what: `The disk is nearly full: ${bytes(free)} of ${bytes(total)} free`,
      why: "",
      advice: "Make room: without any, trades cannot be recorded.",
      since: null,
    },
  ];
}

/** @param {import("./messages.js").Quality} row @param {number} now @returns {Trouble[]} */
function ofSymbol({ exchange, symbol, stale, state, age_ms, listed, nearest }, now) {
  const name = `${symbol} on ${exchange}`;
  if (listed === false)
    return [
      {
        level: "warn",
        what: `${name} is not listed there`,
        why: "",
        advice: nearest === null ? "Take it out of FEEDS." : `Did you mean ${nearest}? See FEEDS.`,
        since: null,
      },
    ];
  if (!stale || state === "standby") return [];
  return [
    {
      level: "warn",
      what: `${name}: the price is stale`,
      why: "",
      advice: "There should be trades; it is subscribed to anew by itself.",
      since: age_ms === null ? null : now - age_ms,
    },
  ];
}

/**
 * @param {readonly import("./messages.js").MissingTrades[]} gaps
 * @param {number} now
 * @returns {Trouble[]}
 */
function ofGaps(gaps, now) {
  const old = gaps.filter(({ opened_at }) => now - (epochMs(opened_at) ?? now) > GAP_MS);
  if (old.length === 0) return [];
  const ids = old.reduce((sum, { ids }) => sum + ids, 0);
  const first = Math.min(...old.map(({ opened_at }) => epochMs(opened_at) ?? now));
  return [
    {
      level: "warn",
      what: `${count(ids)} ${ids === 1 ? "trade is" : "trades are"} missing`,
      why: `gaps of ${[...new Set(old.map(({ symbol }) => symbol))].join(", ")}`,
      advice: "The backfiller asks the exchange for them, as fast as that allows.",
      since: first,
    },
  ];
}

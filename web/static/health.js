/**
 * What the states of the exchanges and of the database mean for whoever reads the page, in words.
 *
 * In come what the reducers keep and the moment (ms of this machine's clock); out go sentences that
 * say what is wrong, since when and what happens next. Several exchanges with one trouble share a
 * sentence. Pure; nothing is claimed that has not been heard.
 *
 * @module
 */

import { age, count, duration, ordinal, time } from "./format.js";

/** Exchanges lost for one reason within this time were lost together. */
const TOGETHER_MS = 60_000;

const STATES = {
  connecting: "connecting",
  connected: "connected",
  reconnecting: "reconnecting",
  disconnected: "offline",
};
const LIVE = { websocket: "live", sse: "live (SSE)", polling: "polling every 2\u202fs" };
const WHY = {
  websocket: "",
  sse: "WebSocket connections are blocked on the way here: values come by server-sent events.",
  polling: "Connections that stay open are blocked on the way here: values are asked for.",
};

/** @typedef {import("./messages.js").Feed} Feed */
/** @typedef {Readonly<Record<string, Feed>>} Feeds by exchange */

/** @param {Feed} feed */
const isAway = ({ state, silent }) =>
  silent !== true && (state === "reconnecting" || state === "disconnected");
/** @param {Feed} feed */
const isSilent = ({ state, silent }) => silent === true && state !== "idle";

/**
 * Return whether market data can flow: `live` with at least one exchange connected, `none` without,
 * `unknown` before the first word of any.
 *
 * @param {Feeds} feeds
 * @returns {"live" | "none" | "unknown"}
 */
export function marketOf(feeds) {
  const all = Object.values(feeds);
  if (all.length === 0) return "unknown";
  const live = all.some(({ state, silent }) => state === "connected" && silent !== true);
  return live ? "live" : "none";
}

/**
 * Return the connection's state in a word, and why it is not the best one, if so. It is said to be
 * live only while an exchange is connected too, and something comes.
 *
 * @param {Pick<import("./session.js").Session, "state" | "way">} session
 * @param {Feeds} feeds
 * @param {boolean} [silent] the server does not answer
 * @returns {{word: string, why: string}}
 */
export function connectionOf({ state, way }, feeds, silent = false) {
  if (state !== "connected") return { word: STATES[state], why: "" };
  if (silent) return { word: STATES[state], why: "Nothing comes from the server, not even an answer." };
  const live = marketOf(feeds) === "live";
  return { word: live || way === "polling" ? LIVE[way] : STATES[state], why: WHY[way] };
}

/**
 * Return when the next try is, in words: `in 4 s (3rd try)`.
 *
 * @param {Pick<import("./session.js").Session, "nextTryAt" | "attempt">} session
 * @param {number} now ms
 * @returns {string}
 */
export function nextTry({ nextTryAt, attempt }, now) {
  const left = nextTryAt === null ? 0 : Math.ceil((nextTryAt - now) / 1000);
  const when = left >= 1 ? `in ${left}\u202fs` : "now";
  return `${when} (${ordinal(Math.max(1, attempt))} try)`;
}

/**
 * Return what it means that the backend is not reached.
 *
 * @param {boolean} online what the browser says of the network
 * @param {number | null} heardAt ms: when anything last came
 * @param {number} now ms
 * @param {import("./format.js").Place} [place]
 * @returns {string}
 */
export function backendTrouble(online, heardAt, now, place) {
  const values = heardAt === null ? "" : `, showing values of ${time(heardAt, now, place)}`;
  const next = online ? "" : " It goes on by itself once there is a network.";
  return `${online ? "Backend unreachable" : "This device is offline"}${values}.${next}`;
}

/**
 * Return the state of an exchange's connection in words.
 *
 * @param {Feed} feed
 * @param {number} now ms
 * @param {import("./format.js").Place} [place]
 * @returns {string}
 */
export function exchangeState({ state, since, reason, silent }, now, place) {
  if (state === "idle") return "not in use";
  if (silent) return "unknown: its feed gives no sign of life";
  const why = reason === null || state === "connected" ? "" : `: ${reason}`;
  return `${state} since ${time(since, now, place)}${why}`;
}

/**
 * Return how often the connection was lost since the page was opened, and what became of what was
 * missed.
 *
 * @param {import("./interruptions.js").Interruptions} interruptions
 * @param {number} now ms
 * @returns {string}
 */
export function interruptionsOf({ count: times, awayMs, since, lostAt, recovered, whole }, now) {
  if (lostAt === null) return "None since this page was opened.";
  const away = awayMs + (since === null ? now - lostAt : 0);
  const trades = recovered === 1 ? "trade" : "trades";
  const missed = recovered > 0 ? ` ${count(recovered)} missed ${trades} came after all.` : "";
  const rest = whole ? "" : " What could not be sent again was fetched anew.";
  return `${times}, ${duration(away)} in all, the last ${age(now - lostAt)}.${missed}${rest}`;
}

/**
 * Return what is wrong with the exchanges, or null.
 *
 * @param {Feeds} feeds
 * @param {number} now ms
 * @param {import("./format.js").Place} [place]
 * @returns {string | null}
 */
export function exchangesTrouble(feeds, now, place) {
  const all = Object.values(feeds);
  const sentences = together(all.filter(isAway)).map((group) => {
    const [{ since, reason }] = group;
    const from = since ? ` since ${time(since, now, place)}` : "";
    return `${names(group)} cannot be reached${from}${reason ? `: ${reason}` : ""}.`.replace(
      "?.",
      "?",
    );
  });
  if (sentences.length > 0) sentences.push("Trying again.");
  const silent = all.filter(isSilent);
  if (silent.length > 0)
    sentences.push(`${names(silent)}: the feed gives no sign of life. Waiting for its restart.`);
  return sentences.join(" ") || null;
}

/**
 * Return what it means that the database is away, or null while it is not known to be.
 *
 * @param {import("./store.js").Database} database
 * @param {Feeds} feeds
 * @param {number} now ms
 * @param {import("./format.js").Place} [place]
 * @returns {string | null}
 */
export function databaseTrouble(database, feeds, now, place) {
  if (typeof database === "string") return null;
  const all = Object.values(feeds);
  const live = marketOf(feeds) === "live" && !all.some((feed) => isAway(feed) || isSilent(feed));
  const since = `since ${database.seenGo ? "" : "before "}${time(database.since, now, place)}`;
  const what = live ? "prices are live and are" : "what comes is";
  const not = all.every((feed) => feed.journal_ok !== false) ? "" : "not ";
  return `The database is away ${since}: ${what} ${not}recorded, history is not available.`;
}

/**
 * Group feeds that were lost for the same reason at about the same time, the longest lost first.
 *
 * @param {Feed[]} feeds
 * @returns {[Feed, ...Feed[]][]}
 */
function together(feeds) {
  /** @type {[Feed, ...Feed[]][]} */
  const groups = [];
  const inTime = feeds.toSorted((one, other) => (one.since ?? 0) - (other.since ?? 0));
  for (const feed of inTime) {
    const { reason, since = 0 } = feed;
    const group = groups.find(
      ([first]) => first.reason === reason && since - (first.since ?? 0) <= TOGETHER_MS,
    );
    if (group === undefined) groups.push([feed]);
    else group.push(feed);
  }
  return groups;
}

/** Return `a`, `a and b`, `a, b and c`. @param {Feed[]} feeds */
function names(feeds) {
  return new Intl.ListFormat("en-GB").format(feeds.map(({ exchange }) => exchange).sort());
}

/**
 * The pipeline as it is drawn: which boxes there are, in which column, and who feeds whom. Pure.
 *
 * In come the processes and the feeds of `/api/status`; out go boxes and lines. A process that has
 * no place in the pipeline stands beside it, one that is not in use is only named.
 *
 * @module
 */

import { judge } from "./processes.js";

/**
 * @typedef {import("./messages.js").ProcessStatus} ProcessStatus
 * @typedef {import("./messages.js").Feed} Feed
 *
 * @typedef {object} Box
 * @property {string} id
 * @property {string} name
 * @property {import("./processes.js").Level} level
 * @property {string} word
 * @property {number | null} since ms UTC: when that began
 * @property {string} note what is wrong, or what it waits for; "" where nothing is
 * @property {ProcessStatus | null} process null where it is none of ours
 *
 * @typedef {object} Line
 * @property {string} from the id of a box
 * @property {string} to
 * @property {boolean} flows false while nothing can come that way
 *
 * @typedef {object} Pipeline
 * @property {{title: string, boxes: Box[]}[]} stages from the exchanges to those who are served
 * @property {Line[]} lines
 * @property {Box[]} beside
 * @property {Box[]} unused
 */

/** Keeps the port, and is asked for nothing. */
const HOLDER = "web-0";
/** The stages after the exchanges, and the kinds of process in each. */
const STAGES = /** @type {const} */ ([
  ["Feeds", ["feed"]],
  ["Work", ["aggregator", "persister", "backfiller"]],
  ["Stored", ["postgres"]],
  ["Served", ["web", "tap"]],
]);
/** Who feeds whom, by kind. What the backfiller has found goes back to the feed. */
const FEEDS = /** @type {const} */ ([
  ["feed", "aggregator"],
  ["feed", "persister"],
  ["feed", "backfiller"],
  ["feed", "tap"],
  ["persister", "postgres"],
  ["aggregator", "web"],
  ["aggregator", "tap"],
  ["postgres", "web"],
]);
/** Of an exchange's connection. @type {Record<Feed["state"], import("./processes.js").Level>} */
const LEVELS = {
  connected: "good",
  idle: "unused",
  connecting: "warn",
  reconnecting: "bad",
  disconnected: "bad",
};

/** @param {string} name @returns {string} */
const kindOf = (name) => (name === HOLDER ? name : name.replace(/-.*/s, ""));

/**
 * @param {readonly ProcessStatus[]} processes
 * @param {readonly Feed[]} feeds
 * @param {import("./store.js").Database} database
 * @returns {Pipeline}
 */
export function pipelineOf(processes, feeds, database) {
  const all = processes.map(boxOf);
  const unused = all.filter(({ level }) => level === "unused");
  const used = all.filter(({ level }) => level !== "unused");
  if (!used.some(({ id }) => id === "postgres")) used.push(postgresOf(database));
  const exchanges = feeds
    .filter(({ state }) => state !== "idle")
    .map(exchangeOf)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const stages = STAGES.map(([title, kinds]) => ({
    title,
    boxes: kinds.flatMap((kind) => used.filter(({ id }) => kindOf(id) === kind)),
  }));
  const placed = new Set(stages.flatMap(({ boxes }) => boxes));
  const shown = [...exchanges, ...placed];
  const lines = [
    ...exchanges.map(({ name }) => [`exchange ${name}`, `feed-${name}`]),
    ...FEEDS.flatMap(([from, to]) =>
      shown
        .filter(({ id }) => kindOf(id) === from)
        .flatMap((one) =>
          shown.filter(({ id }) => kindOf(id) === to).map((other) => [one.id, other.id]),
        ),
    ),
  ].flatMap(([from, to]) => {
    const [source, target] = [from, to].map((id) => shown.find((box) => box.id === id));
    if (source === undefined || target === undefined) return [];
    return [{ from: source.id, to: target.id, flows: source.level === "good" }];
  });
  return {
    stages: [{ title: "Exchanges", boxes: exchanges }, ...stages],
    lines,
    beside: used.filter((box) => !placed.has(box)),
    unused,
  };
}

/** @param {ProcessStatus} process @returns {Box} */
function boxOf(process) {
  const { level, word, advice } = judge(process.state);
  const note = [level === "good" ? "" : advice, process.last_error ?? ""];
  return {
    id: process.name,
    name: process.name,
    level,
    word,
    since: process.since,
    note: note.filter(Boolean).join(" "),
    process,
  };
}

/** A database that is somebody else's. @param {import("./store.js").Database} database @returns {Box} */
function postgresOf(database) {
  const away = typeof database === "object";
  return {
    id: "postgres",
    name: "Postgres (DATABASE_URL)",
    level: away ? "bad" : database === "present" ? "good" : "warn",
    word: away ? "away" : database === "present" ? "reachable" : "unknown",
    since: away ? database.since : null,
    note: "",
    process: null,
  };
}

/** @param {Feed} feed @returns {Box} */
function exchangeOf({ exchange, state, since, reason, silent }) {
  return {
    id: `exchange ${exchange}`,
    name: exchange,
    level: silent ? "warn" : LEVELS[state],
    word: silent ? "unknown" : state,
    since: silent ? null : since,
    note: silent ? "Its feed gives no sign of life." : (reason ?? ""),
    process: null,
  };
}

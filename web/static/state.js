/**
 * The page's state as signals: one per symbol and chart, so that a changed price touches its own
 * card and nothing else.
 *
 * In come changes for the reducers of store.js; out go signals that components read. Nothing else
 * writes them, but for the session (main.js) and the clock.
 *
 * @module
 */

import { batch, computed, signal } from "@preact/signals";
import { epochMs } from "./candles.js";
import { Demands } from "./demand.js";
import { UNBROKEN, brokenBy, gatheredBy } from "./interruptions.js";
import { Skew } from "./skew.js";
import { EMPTY, reduce } from "./store.js";

/**
 * @template T
 * @typedef {import("@preact/signals").Signal<T>} Signal
 */

let state = EMPTY;

/** Keys (`exchange:symbol`) in the order in which they are shown. */
export const order = signal(EMPTY.order);
export const version = signal(EMPTY.version);
export const simulated = signal(EMPTY.simulated);
export const replay = signal(EMPTY.replay);
export const feeds = signal(EMPTY.feeds);
export const processes = signal(EMPTY.processes);
export const disk = signal(EMPTY.disk);
export const statusError = signal(EMPTY.statusError);
export const database = signal(EMPTY.database);
/** How the table of all symbols was last read. */
export const markets = signal(EMPTY.markets);
/** True once the list of symbols has come: with the status, which brings the version. */
export const symbolsKnown = computed(() => version.value !== null);
/** The moment of the last frame, ms of this machine's clock. */
export const heardAt = signal(EMPTY.heardAt);
/** @type {Signal<import("./session.js").Session | null>} */
export const session = signal(null);
export const connected = computed(() => session.value?.state === "connected");
/** This machine's clock, ms; moves once a second while the page can be seen. */
export const clock = signal(Date.now());
/** The same, and moves also while nobody sees the page but for its title. */
export const second = signal(Date.now());
/** When the connection was lost, ms; null while there is one or the first is opened. */
export const lostAt = signal(/** @type {number | null} */ (null));

/** How often the connection was lost, and what was missed. */
export const interruptions = signal(UNBROKEN);

/** A connection that comes back sooner is not worth a banner. */
const GRACE_MS = 1_500;
/** True when the backend has been away for longer than a hiccup: what is shown is old. */
export const unreachable = computed(
  () => lostAt.value !== null && clock.value - lostAt.value > GRACE_MS,
);

const skew = new Skew();

/** The server's clock, ms, by one of ours. @param {number} [at] ms */
export function serverTime(at = Date.now()) {
  return at - skew.ms;
}

/** How often something of the past may have been missed: who keeps some of it asks again. */
export const missed = signal(0);

/** @type {Map<string, Signal<import("./store.js").Card>>} */
const cards = new Map();
/** @type {Map<string, Signal<import("./store.js").Chart>>} */
const charts = new Map();

/** @type {import("./socket.js").Connection | null} */
let line = null;
/** @type {Demands | null} */
let demands = null;
/** @type {Set<Listener>} */
const listeners = new Set();

/** @typedef {(frame: import("./frames.js").Frame, at: number) => void} Listener */

/**
 * Let what the pages demand be asked of a connection, and what it brings be heard.
 *
 * @param {import("./socket.js").Connection} connection
 */
export function use(connection) {
  line = connection;
  demands = new Demands(connection, (action, ms) => void setTimeout(action, ms));
  connection.on("frame", (frame, at) => {
    const told = epochMs(frame.timestamp);
    if (told !== null) skew.take(told, at);
    dispatch({ type: "frame", frame, at });
    interruptions.value = gatheredBy(interruptions.peek(), frame);
    for (const listener of listeners) listener(frame, at);
  });
  connection.on("refetch", () => {
    missed.value += 1;
  });
}

/**
 * Ask the server for a sign of life, and tell how long that took; return how to end that.
 *
 * @param {(ms: number) => void} tell
 * @returns {() => void}
 */
export function roundTrip(tell) {
  const began = performance.now();
  const stop = listen(({ type }) => {
    if (type !== "pong") return;
    stop();
    tell(performance.now() - began);
  });
  line?.emit("ping");
  return stop;
}

/**
 * Hear of some symbols until what is returned is called; what comes is in their cards and charts,
 * or heard by `listen`.
 *
 * @param {import("./demand.js").Demand} wanted
 * @returns {() => void}
 */
export function demand(wanted) {
  if (demands === null || wanted.symbols.length === 0) return () => {};
  return demands.hold(wanted);
}

/**
 * Hear each frame as it comes until what is returned is called.
 *
 * @param {Listener} listener
 * @returns {() => void}
 */
export function listen(listener) {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/**
 * Take a state of the connection.
 *
 * @param {import("./session.js").Session} next
 * @param {number} at ms
 */
export function connectionChanged(next, at) {
  const was = connected.peek();
  batch(() => {
    session.value = next;
    clock.value = at;
    if (connected.value) lostAt.value = null;
    else if (lostAt.value === null && (was || next.attempt > 0)) lostAt.value = at;
    interruptions.value = brokenBy(interruptions.peek(), connected.value, at);
  });
}

/**
 * Apply one change.
 *
 * @param {import("./store.js").Change} change
 */
export function dispatch(change) {
  const before = state;
  state = reduce(before, change);
  batch(() => {
    write(cards, before.cards, state.cards);
    write(charts, before.charts, state.charts);
    order.value = state.order;
    version.value = state.version;
    simulated.value = state.simulated;
    replay.value = state.replay;
    feeds.value = state.feeds;
    processes.value = state.processes;
    disk.value = state.disk;
    statusError.value = state.statusError;
    database.value = state.database;
    markets.value = state.markets;
    heardAt.value = state.heardAt;
  });
}

/**
 * Give the signals what has changed.
 *
 * @template T
 * @param {Map<string, Signal<T>>} signals
 * @param {Readonly<Record<string, T>>} before
 * @param {Readonly<Record<string, T>>} after
 */
function write(signals, before, after) {
  if (after === before) return;
  for (const [key, value] of Object.entries(after)) {
    if (value === before[key]) continue;
    const present = signals.get(key);
    if (present === undefined) signals.set(key, signal(value));
    else present.value = value;
  }
}

/** @param {string} key one of `order` @returns {Signal<import("./store.js").Card>} */
export function cardOf(key) {
  return /** @type {Signal<import("./store.js").Card>} */ (cards.get(key));
}

/** True while the price of a symbol is not that of now. @param {string} key one of `order` */
export function isOld(key) {
  return cardOf(key).value.stale || unreachable.value;
}

/** @param {string} key one of `order` @returns {Signal<import("./store.js").Chart>} */
export function chartOf(key) {
  return /** @type {Signal<import("./store.js").Chart>} */ (charts.get(key));
}

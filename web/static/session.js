/**
 * The life of the page's one connection, as a pure function: (session, event, now, random) →
 * the next session and what is to be done. No socket, clock or timer is touched here; socket.js
 * does what the returned actions say.
 *
 * States: connecting (the first try), connected, reconnecting (counting down or trying), and
 * disconnected (the browser says there is no network; it is tried all the same, because the server
 * may be on this machine).
 *
 * @module
 */

import { fullJitter, spreadOf } from "./backoff.js";

/** A try that has not opened by then has failed. */
export const OPEN_TIMEOUT_MS = 10_000;
/** After so long without a frame a ping is sent. */
export const QUIET_MS = 10_000;
/** After so long without an answer to it the connection is dead. */
export const PONG_TIMEOUT_MS = 10_000;
/** A tick that comes this late means that the page slept: what ran out meanwhile does not count. */
export const SLEPT_MS = 5_000;
/** Close code of a server that restarts. */
const RESTARTING = 1012;

/**
 * @typedef {object} Session
 * @property {"connecting" | "connected" | "reconnecting" | "disconnected"} state
 * @property {boolean} open a socket is open or being opened
 * @property {number} attempt tries that have failed since data last flowed
 * @property {number | null} nextTryAt ms; null while a socket is open or being opened
 * @property {number} heardAt ms: the last sign of the server, or the start of this try
 * @property {number | null} pingedAt ms: an unanswered ping
 * @property {number} tickedAt ms
 * @property {boolean} online what the browser says of the network
 */

/**
 * @typedef {{type: "start"} | {type: "opened"} | {type: "frame", data: boolean}
 *   | {type: "closed", code: number, reason: string} | {type: "tick"} | {type: "retry"}
 *   | {type: "visible"} | {type: "online"} | {type: "offline"}} SessionEvent
 *   `data` says that a frame carried market data: only that counts as health
 * @typedef {"open" | "close" | "subscribe" | "ping"} Action
 * @typedef {{session: Session, actions: Action[]}} Step
 */

/**
 * @param {number} now ms
 * @param {boolean} online
 * @returns {Session}
 */
export function newSession(now, online) {
  return {
    state: "connecting",
    open: false,
    attempt: 0,
    nextTryAt: null,
    heardAt: now,
    pingedAt: null,
    tickedAt: now,
    online,
  };
}

/**
 * @param {Session} session
 * @param {SessionEvent} event
 * @param {number} now ms
 * @param {() => number} random uniform in [0, 1)
 * @returns {Step}
 */
export function step(session, event, now, random) {
  switch (event.type) {
    case "start":
      return open(session, now);
    case "opened":
      return {
        session: { ...session, state: "connected", heardAt: now, pingedAt: null },
        actions: ["subscribe"],
      };
    case "frame":
      return {
        session: {
          ...session,
          heardAt: now,
          pingedAt: null,
          attempt: event.data ? 0 : session.attempt,
        },
        actions: [],
      };
    case "closed":
      return closed(session, event.code, event.reason, now, random);
    case "tick":
      return tick(session, now, random);
    case "retry":
      return session.open ? { session, actions: [] } : open(session, now);
    case "visible":
      if (!session.open) return open(session, now);
      return session.state === "connected" ? ping(session, now) : { session, actions: [] };
    case "online":
      session = { ...session, online: true };
      return session.open ? { session, actions: [] } : open(session, now);
    case "offline":
      session = { ...session, online: false };
      return session.state === "connected"
        ? ping(session, now)
        : { session: away(session), actions: [] };
  }
}

/** @param {Session} session @param {number} now @returns {Step} */
function open(session, now) {
  return {
    session: { ...session, open: true, nextTryAt: null, heardAt: now, pingedAt: null },
    actions: ["open"],
  };
}

/** @param {Session} session @param {number} now @returns {Step} */
function ping(session, now) {
  if (session.pingedAt !== null) return { session, actions: [] };
  return { session: { ...session, pingedAt: now }, actions: ["ping"] };
}

/** The state of a session that has no connection. @param {Session} session @returns {Session} */
function away(session) {
  return { ...session, state: session.online ? "reconnecting" : "disconnected" };
}

/**
 * @param {Session} session
 * @param {number} code
 * @param {string} reason
 * @param {number} now
 * @param {() => number} random
 * @returns {Step}
 */
function closed(session, code, reason, now, random) {
  const spread = code === RESTARTING ? spreadOf(reason) : null;
  const wait = spread === null ? fullJitter(session.attempt, random) : random() * spread;
  return {
    session: away({
      ...session,
      open: false,
      attempt: session.attempt + 1,
      nextTryAt: now + wait,
      pingedAt: null,
    }),
    actions: [],
  };
}

/** @param {Session} before @param {number} now @param {() => number} random @returns {Step} */
function tick(before, now, random) {
  const slept = now - before.tickedAt > SLEPT_MS;
  const session = { ...before, tickedAt: now };
  if (session.nextTryAt !== null) {
    return now >= session.nextTryAt ? open(session, now) : { session, actions: [] };
  }
  if (session.state !== "connected") {
    if (slept || now - session.heardAt < OPEN_TIMEOUT_MS) return { session, actions: [] };
    return dead(session, now, random);
  }
  if (session.pingedAt !== null) {
    if (slept) return { session: { ...session, pingedAt: now }, actions: ["ping"] };
    if (now - session.pingedAt < PONG_TIMEOUT_MS) return { session, actions: [] };
    return dead(session, now, random);
  }
  return now - session.heardAt >= QUIET_MS ? ping(session, now) : { session, actions: [] };
}

/** @param {Session} session @param {number} now @param {() => number} random @returns {Step} */
function dead(session, now, random) {
  return { session: closed(session, 1006, "", now, random).session, actions: ["close"] };
}

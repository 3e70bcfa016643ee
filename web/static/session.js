/**
 * The life of the page's one connection, as a pure function: (session, event, now, random) →
 * the next session and what is to be done. No socket, clock or timer is touched here; socket.js
 * does what the returned actions say.
 *
 * States: connecting (the first try), connected, reconnecting (counting down or trying), and
 * disconnected (the browser says there is no network; it is tried all the same, because the server
 * may be on this machine).
 *
 * There are several ways to the server, the best first. A way is given up for the next one only
 * when it never opens although plain HTTP works, twice in a row, or when the server itself refuses
 * it to this page (4xx): a server that is away blocks nothing. While a lesser way works, the best one is looked at now and then, beside it.
 *
 * @module
 */

import { fullJitter, spreadOf } from "./backoff.js";

/** A try that has not brought a first frame by then has failed. */
export const OPEN_TIMEOUT_MS = 8_000;
/** After so long without a sign of the server a ping is sent. */
export const QUIET_MS = 10_000;
/**
 * After so long without an answer to it the connection is dead. Events cannot be answered: the
 * server's comments, every 15 s, are their sign of life.
 */
export const PONG_TIMEOUT_MS = { websocket: 10_000, sse: 40_000, polling: 20_000 };
/** A tick that comes this late means that the page slept: what ran out meanwhile does not count. */
export const SLEPT_MS = 5_000;
/** A live connection that was not heard for so long: the page was frozen, and missed things. */
export const FROZEN_MS = 90_000;
/** What was missed in more than this is fetched anew, not replayed. */
export const REPLAY_MS_MAX = 120_000;
/** So many tries of a way must fail, with HTTP working, before the next one is taken. */
export const BLOCKED_TRIES = 2;
/** How often the best way is looked at while a lesser one is in use: half to one and a half. */
export const LOOK_MS = 60_000;
/** Close code of a server that restarts. */
const RESTARTING = 1012;

/**
 * @typedef {"websocket" | "sse" | "polling"} Way
 *
 * @typedef {object} Session
 * @property {"connecting" | "connected" | "reconnecting" | "disconnected"} state
 * @property {readonly Way[]} ways those that may be taken, the best first
 * @property {Way} way the one that is open, or is tried next
 * @property {boolean} open a connection is open or being opened
 * @property {number} attempt tries that have failed since data last flowed
 * @property {number} blocked tries of this way in a row that failed although HTTP works
 * @property {boolean} probing whether HTTP works is being asked, and the next try waits for it
 * @property {number | null} nextTryAt ms; null while a connection is open or being opened
 * @property {number | null} lookAt ms: when the best way is looked at; null while it is in use
 * @property {number} heardAt ms: the last sign of the server, or the start of this try
 * @property {number | null} dataAt ms: when market data last came
 * @property {number | null} pingedAt ms: an unanswered ping
 * @property {number} tickedAt ms
 * @property {boolean} online what the browser says of the network
 */

/**
 * @typedef {{type: "start"} | {type: "opened"} | {type: "heard", data: boolean}
 *   | {type: "closed", code: number, reason: string, afterMs?: number | undefined}
 *   | {type: "probed", reachable: boolean} | {type: "better"} | {type: "tick"} | {type: "retry"}
 *   | {type: "visible"} | {type: "online"} | {type: "offline"} | {type: "stop"}} SessionEvent
 *   `opened`: the first frame has come; `data` says that a frame carried market data: only that
 *   counts as health; `afterMs`: the server wants no try sooner; `better`: the best way is open
 * @typedef {"open" | "close" | "subscribe" | "ping" | "probe" | "look" | "forget" | "refetch"}
 *   Action `probe`: does HTTP work; `look`: does the best way open; `forget`: resume nothing;
 *   `refetch`: things may have been missed although the connection held
 * @typedef {{session: Session, actions: Action[]}} Step
 */

/**
 * @param {number} now ms
 * @param {boolean} online
 * @param {readonly Way[]} [ways] at least one
 * @returns {Session}
 */
export function newSession(now, online, ways = ["websocket", "sse", "polling"]) {
  return {
    state: "connecting",
    ways,
    way: best(ways),
    open: false,
    attempt: 0,
    blocked: 0,
    probing: false,
    nextTryAt: null,
    lookAt: null,
    heardAt: now,
    dataAt: null,
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
      return opened(session, now, random);
    case "heard":
      return heard(session, event.data, now);
    case "closed":
      return closed(session, event, now, random);
    case "probed":
      return probed(session, event.reachable, now);
    case "better":
      if (session.state !== "connected" || session.lookAt === null) return idle(session);
      return open({ ...session, state: "reconnecting", way: best(session.ways) }, now);
    case "tick":
      return tick(session, now, random);
    case "retry":
      return session.open ? idle(session) : open(session, now);
    case "visible":
      if (!session.open) return open(session, now);
      return session.state === "connected" ? ping(session, now) : idle(session);
    case "online":
      session = { ...session, online: true, lookAt: session.lookAt === null ? null : now };
      return session.open ? idle(session) : open(session, now);
    case "offline":
      session = { ...session, online: false };
      return session.state === "connected" ? ping(session, now) : idle(away(session));
    case "stop":
      return {
        session: { ...session, state: "disconnected", open: false, nextTryAt: null, lookAt: null },
        actions: ["close"],
      };
  }
}

/** @param {readonly Way[]} ways @returns {Way} */
function best(ways) {
  return ways[0] ?? "websocket";
}

/** The way after this one, if there is one. @param {Session} session @returns {Way | undefined} */
function lesser({ ways, way }) {
  return ways[ways.indexOf(way) + 1];
}

/** @param {Session} session @returns {Step} */
function idle(session) {
  return { session, actions: [] };
}

/** @param {Session} session @param {number} now @returns {Step} */
function open(session, now) {
  return {
    session: {
      ...session,
      open: true,
      probing: false,
      nextTryAt: null,
      lookAt: null,
      heardAt: now,
      pingedAt: null,
    },
    actions: ["open"],
  };
}

/** @param {Session} session @param {number} now @param {() => number} random @returns {Step} */
function opened(session, now, random) {
  const long = session.dataAt !== null && now - session.dataAt > REPLAY_MS_MAX;
  const least = session.way !== best(session.ways);
  return {
    session: {
      ...session,
      state: "connected",
      blocked: 0,
      lookAt: least ? now + LOOK_MS * (0.5 + random()) : null,
      heardAt: now,
      pingedAt: null,
    },
    actions: long ? ["forget", "subscribe"] : ["subscribe"],
  };
}

/** @param {Session} session @param {boolean} data @param {number} now @returns {Step} */
function heard(session, data, now) {
  const frozen = session.state === "connected" && now - session.heardAt >= FROZEN_MS;
  return {
    session: {
      ...session,
      heardAt: now,
      pingedAt: null,
      attempt: data ? 0 : session.attempt,
      dataAt: data ? now : session.dataAt,
    },
    actions: frozen ? ["refetch"] : [],
  };
}

/** @param {Session} session @param {number} now @returns {Step} */
function ping(session, now) {
  if (session.pingedAt !== null) return idle(session);
  return { session: { ...session, pingedAt: now }, actions: ["ping"] };
}

/** The state of a session that has no connection. @param {Session} session @returns {Session} */
function away(session) {
  return { ...session, state: session.online ? "reconnecting" : "disconnected" };
}

/**
 * @param {Session} session
 * @param {{code: number, reason: string, afterMs?: number | undefined}} how
 * @param {number} now
 * @param {() => number} random
 * @returns {Step}
 */
function closed(session, { code, reason, afterMs = 0 }, now, random) {
  const spread = code === RESTARTING ? spreadOf(reason) : null;
  const wait = spread === null ? fullJitter(session.attempt, random) : random() * spread;
  const failed = session.state !== "connected" && code !== RESTARTING;
  const next = lesser(session);
  if (failed && next !== undefined && code >= 400 && code < 500) {
    const attempt = session.attempt + 1;
    return open({ ...away(session), attempt, blocked: 0, way: next }, now);
  }
  const probing = failed && next !== undefined;
  return {
    session: away({
      ...session,
      open: false,
      attempt: session.attempt + 1,
      // The last way has failed, so nothing is known to work: begin again with the best.
      way: failed && !probing ? best(session.ways) : session.way,
      probing,
      nextTryAt: now + Math.max(wait, afterMs),
      lookAt: null,
      pingedAt: null,
    }),
    actions: probing ? ["probe"] : [],
  };
}

/** @param {Session} session @param {boolean} reachable @param {number} now @returns {Step} */
function probed(session, reachable, now) {
  if (!session.probing) return idle(session);
  const asked = { ...session, probing: false };
  const next = lesser(session);
  if (!reachable || next === undefined) {
    return idle({ ...asked, blocked: 0, way: best(session.ways) });
  }
  const blocked = session.blocked + 1;
  if (blocked < BLOCKED_TRIES) return idle({ ...asked, blocked });
  return open({ ...asked, blocked: 0, way: next }, now);
}

/** @param {Session} before @param {number} now @param {() => number} random @returns {Step} */
function tick(before, now, random) {
  const slept = now - before.tickedAt > SLEPT_MS;
  const session = { ...before, tickedAt: now };
  if (session.nextTryAt !== null) {
    const due = now >= session.nextTryAt && !session.probing;
    return due ? open(session, now) : idle(session);
  }
  if (!session.open) return idle(session);
  if (session.state !== "connected") {
    if (slept || now - session.heardAt < OPEN_TIMEOUT_MS) return idle(session);
    return dead(session, now, random);
  }
  if (session.pingedAt !== null) {
    if (slept) return { session: { ...session, pingedAt: now }, actions: ["ping"] };
    if (now - session.pingedAt >= PONG_TIMEOUT_MS[session.way]) return dead(session, now, random);
  } else if (now - session.heardAt >= QUIET_MS) {
    return ping(session, now);
  }
  if (session.lookAt === null || now < session.lookAt) return idle(session);
  return { session: { ...session, lookAt: now + LOOK_MS * (0.5 + random()) }, actions: ["look"] };
}

/** @param {Session} session @param {number} now @param {() => number} random @returns {Step} */
function dead(session, now, random) {
  const lost = closed(session, { code: 1006, reason: "" }, now, random);
  return { session: lost.session, actions: ["close", ...lost.actions] };
}

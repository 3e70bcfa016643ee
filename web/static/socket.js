/**
 * The page's one connection to tickwire: what was subscribed to comes in by events, for as long as
 * the page lives, by the best way that is open. For other pages too (docs/from-socketio.md).
 *
 * What to do is decided in session.js; this file does it, with real transports, clock and timer,
 * and hands out what comes. It never gives up and never holds more than one connection: one that is
 * left behind is closed and deaf before the next is opened. It keeps no value and no queue.
 *
 * @module
 */

import { Listeners } from "./listeners.js";
import { Positions } from "./positions.js";
import { newSession, step } from "./session.js";
import { openPolling } from "./transports/polling.js";
import { openSse } from "./transports/sse.js";
import { openWebSocket } from "./transports/websocket.js";
import { Wishes } from "./wishes.js";

/** How often the session is asked whether something is due. */
const TICK_MS = 250;
/** Whether HTTP works must be answered within this: a server that is slow is not one that works. */
const PROBE_MS = 3_000;
/** A look at the best way must be answered within this. */
const LOOK_MS = 8_000;
/** The channel of each kind of frame with market data. A snapshot names its own. */
const CHANNELS = new Map([
  ["price_update", "ticker"],
  ["batch_update", "ticker"],
  ["candle_update", "candle"],
  ["average_update", "average"],
  ["trade_update", "trade"],
]);
/** Channels of which there is a past, that may have changed while nobody listened. */
const WITH_PAST = ["trade", "candle", "average"];
/** @type {Record<import("./session.js").Way, import("./transports/transport.js").Transport>} */
const TRANSPORTS = { websocket: openWebSocket, sse: openSse, polling: openPolling };

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./wishes.js").Wish} Wish
 * @typedef {import("./frames.js").Frame} Frame
 *
 * @typedef {object} Connection
 * @property {(event: string, handler: import("./listeners.js").Handler) => Connection} on
 *   call `handler` with each:
 *   `ticker`, `candle`, `average`, `trade`, `status`: one update of that channel, also those of a
 *   snapshot;
 *   `frame`: each frame whole, and the ms at which it came;
 *   `connect` `{way}`, `disconnect` `{reason}`: data flow, and do not;
 *   `refetch` `{channel}`: its past may have changed unheard: fetch anew what you keep of it;
 *   `state`: the `Session`, each change: for an indicator;
 *   and the name of any other frame, as `error` or `subscribed`: its payload
 * @property {(event: string, handler?: import("./listeners.js").Handler) => Connection} off
 * @property {(event: string, payload?: any) => boolean} emit
 *   say something to the server; false where it could not be said, and it is not kept: but
 *   `subscribe` and `unsubscribe` are
 * @property {(wish: Wish) => Connection} subscribe from now on, over every reconnect
 * @property {(wish: Wish) => Connection} unsubscribe
 * @property {() => void} retry try at once, whatever the count-down says
 * @property {() => void} close for good
 */

/**
 * Open the connection and keep it open until it is closed.
 *
 * @param {string | URL} [url] where the server's paths begin: by default where this file came from
 * @param {object} [options]
 * @param {readonly import("./session.js").Way[]} [options.transports] the ways that may be taken,
 *   the best first
 * @returns {Connection}
 */
export function connect(url = new URL("..", import.meta.url), { transports } = {}) {
  const base = new URL(url, globalThis.location?.href);
  const wants = { wishes: new Wishes(), positions: new Positions() };
  const { wishes, positions } = wants;
  const listeners = new Listeners();
  const forgetting = new AbortController();
  let session = newSession(Date.now(), globalThis.navigator?.onLine !== false, transports);
  /** @type {import("./transports/transport.js").Link | null} */
  let link = null;
  /** Channels that were heard on a connection that was lost, and are asked for again. */
  let again = new Set();
  let opened = false;
  let reason = "";

  /** @param {import("./session.js").SessionEvent} event */
  function happen(event) {
    if (forgetting.signal.aborted) return;
    const before = session;
    const next = step(session, event, Date.now(), Math.random);
    session = next.session;
    if (event.type === "stop") forgetting.abort();
    for (const action of next.actions) act(action);
    const { state, nextTryAt, open, attempt, way } = session;
    if (before.state !== state) tellState(before.state, state);
    if (
      before.state !== state ||
      before.nextTryAt !== nextTryAt ||
      before.open !== open ||
      before.attempt !== attempt ||
      before.way !== way
    ) {
      listeners.tell("state", session);
    }
  }

  /** @param {Session["state"]} before @param {Session["state"]} now */
  function tellState(before, now) {
    if (now === "connected") listeners.tell("connect", { way: session.way });
    else if (before === "connected") listeners.tell("disconnect", { reason });
  }

  /** @param {import("./session.js").Action} action */
  function act(action) {
    switch (action) {
      case "open":
        leave();
        link = listen(session.way);
        return;
      case "close":
        leave();
        return;
      case "subscribe":
        again = new Set(opened ? wishes.list().map(nameOf) : []);
        opened = true;
        link?.subscribe();
        return;
      case "ping":
        link?.ping();
        return;
      case "forget":
        positions.forget();
        return;
      case "refetch":
        for (const channel of new Set(wishes.list().map((wish) => wish.channel))) refetch(channel);
        return;
      case "probe":
        void probe();
        return;
      case "look":
        look();
    }
  }

  function leave() {
    const left = link;
    link = null;
    left?.close();
  }

  /** Nothing of a link that was left behind is heard. @param {import("./session.js").Way} way */
  function listen(way) {
    let first = true;
    reason = "";
    /** @type {import("./transports/transport.js").Link} */
    const made = TRANSPORTS[way](base, wants, {
      frame(frame) {
        if (made !== link) return;
        if (first) {
          first = false;
          happen({ type: "opened" });
          if (made !== link) return; // a handler has closed it
        }
        happen({ type: "heard", data: frame.type === "snapshot" || CHANNELS.has(frame.type) });
        take(frame);
      },
      alive() {
        if (made === link) happen({ type: "heard", data: false });
      },
      lost(code, why, afterMs) {
        if (made !== link) return;
        link = null;
        reason = why;
        happen({ type: "closed", code, reason: why, afterMs });
      },
    });
    return made;
  }

  /** @param {Frame} frame */
  function take(frame) {
    const { type, payload } = frame;
    if (type === "subscribed") answered(payload);
    listeners.tell("frame", frame, Date.now());
    if (type !== "status") listeners.tell(type, payload);
    const snapshot = type === "snapshot";
    const channel = snapshot ? payload.channel : type === "status" ? type : CHANNELS.get(type);
    if (channel === undefined || !(channel === "trade" || listeners.has(channel))) return;
    const updates = Array.isArray(payload.updates) ? payload.updates : [payload];
    const news = channel === "trade" ? positions.news(updates, snapshot) : updates;
    for (const update of news) listeners.tell(channel, update);
  }

  /** @param {any} answer a `Subscribed`, hopefully */
  function answered(answer) {
    const was = again.delete(nameOf(answer));
    if (answer.channel === "trade") {
      positions.subscribed(answer, was);
      if (answer.recovered === false || (was && answer.recovered !== true)) refetch("trade");
    } else if (was) {
      refetch(answer.channel);
    }
  }

  /** @param {string} channel */
  function refetch(channel) {
    if (WITH_PAST.includes(channel)) listeners.tell("refetch", { channel });
  }

  async function probe() {
    let reachable = false;
    try {
      const answer = await fetch(new URL("health/live", base), {
        signal: AbortSignal.timeout(PROBE_MS),
        cache: "no-store",
      });
      reachable = answer.ok;
    } catch {
      // Not reached, too slow, or not for this page: then no other way works either.
    }
    happen({ type: "probed", reachable });
  }

  /** See whether the best way opens, beside the one that is in use. */
  function look() {
    const way = session.ways[0];
    if (way === undefined) return;
    const done = () => {
      clearTimeout(timer);
      spare.close();
    };
    const timer = setTimeout(done, LOOK_MS);
    const nothing = { wishes: new Wishes(), positions: new Positions() };
    const spare = TRANSPORTS[way](base, nothing, {
      frame() {
        done();
        happen({ type: "better" });
      },
      alive() {},
      lost: done,
    });
  }

  /** @param {"subscribe" | "unsubscribe"} type @param {Wish} wish */
  function change(type, wish) {
    if (type === "subscribe") wishes.add(wish);
    else wishes.remove(wish);
    if (session.state === "connected") link?.changed({ type, payload: wish });
    return connection;
  }

  /** @type {Connection} */
  const connection = {
    on(event, handler) {
      listeners.add(event, handler);
      return connection;
    },
    off(event, handler) {
      listeners.remove(event, handler);
      return connection;
    },
    emit(event, payload = {}) {
      if (event === "subscribe" || event === "unsubscribe") {
        change(event, payload);
        return true;
      }
      return link?.send({ type: event, payload }) ?? false;
    },
    subscribe: (wish) => change("subscribe", wish),
    unsubscribe: (wish) => change("unsubscribe", wish),
    retry: () => happen({ type: "retry" }),
    close: () => happen({ type: "stop" }),
  };

  const { signal } = forgetting;
  globalThis.addEventListener?.("online", () => happen({ type: "online" }), { signal });
  globalThis.addEventListener?.("offline", () => happen({ type: "offline" }), { signal });
  globalThis.document?.addEventListener(
    "visibilitychange",
    () => {
      if (document.visibilityState === "visible") happen({ type: "visible" });
    },
    { signal },
  );
  const ticking = setInterval(() => happen({ type: "tick" }), TICK_MS);
  signal.addEventListener("abort", () => clearInterval(ticking));
  // Once the page has said who listens and to what.
  queueMicrotask(() => {
    listeners.tell("state", session);
    happen({ type: "start" });
  });
  return connection;
}

/** @param {{channel?: string, interval?: string}} wish or the answer to it */
function nameOf({ channel, interval }) {
  return `${channel} ${interval}`;
}

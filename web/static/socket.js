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
/** What of a session is told when it changes. */
const SHOWN = /** @type {const} */ (["state", "nextTryAt", "open", "attempt", "way", "pingedAt"]);
/** @type {Record<import("./session.js").Way, import("./transports/transport.js").Transport>} */
const TRANSPORTS = { websocket: openWebSocket, sse: openSse, polling: openPolling };

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./wishes.js").Wish} Wish
 * @typedef {import("./frames.js").Frame} Frame
 *
 * @typedef {object} Events what each event brings; another frame's name brings its payload
 * @property {import("./messages.js").TickerPayload} ticker each, also those of a snapshot
 * @property {import("./messages.js").CandlePayload} candle
 * @property {import("./messages.js").AveragePayload} average
 * @property {import("./messages.js").TradePayload} trade
 * @property {import("./messages.js").Feed} status
 * @property {Frame} frame each one, whole; and the ms at which it came
 * @property {{way: import("./session.js").Way}} connect data flow
 * @property {{reason: string}} disconnect they do not
 * @property {{channel: string}} refetch its past may have changed unheard: fetch what you keep of it
 * @property {Session} state each change of it: for an indicator
 * @property {import("./messages.js").Complaint} error what the server would not do
 * @property {import("./messages.js").Subscribed} subscribed
 */

/**
 * @template {string} E
 * @typedef {(payload: E extends keyof Events ? Events[E] : any, at: number) => void} HandlerOf
 */

/**
 * One connection, kept open until it is closed. What `on` and its like return is the connection, so
 * that calls can be chained.
 */
export class Connection {
  #base;
  #wants = { wishes: new Wishes(), positions: new Positions() };
  #listeners = new Listeners();
  /** @type {Session} */
  #session;
  /** @type {import("./transports/transport.js").Link | null} */
  #link = null;
  /** Channels that were heard on a connection that was lost, and are asked for again. */
  #again = new Set();
  #opened = false;
  #reason = "";
  #forgetting = new AbortController();

  /**
   * @param {URL} base where the server's paths begin
   * @param {readonly import("./session.js").Way[]} [ways] the best first
   */
  constructor(base, ways) {
    this.#base = base;
    this.#session = newSession(Date.now(), globalThis.navigator?.onLine !== false, ways);
    this.#watch();
    // Once the page has said who listens and to what.
    queueMicrotask(() => {
      this.#listeners.tell("state", this.#session);
      this.#happen({ type: "start" });
    });
  }

  /**
   * Call `handler` with each of these events.
   *
   * @template {string} E
   * @param {E} event
   * @param {HandlerOf<E>} handler
   */
  on(event, handler) {
    this.#listeners.add(event, handler);
    return this;
  }

  /**
   * @template {string} E
   * @param {E} event
   * @param {HandlerOf<E>} [handler] all of that event by default
   */
  off(event, handler) {
    this.#listeners.remove(event, handler);
    return this;
  }

  /**
   * Say something to the server.
   *
   * @param {string} event
   * @param {any} [payload]
   * @returns {boolean} false where it could not be said, and it is not kept to be said later; but
   *   `subscribe` and `unsubscribe` are
   */
  emit(event, payload = {}) {
    if (event === "subscribe" || event === "unsubscribe") {
      this[event](payload);
      return true;
    }
    return this.#link?.send({ type: event, payload }) ?? false;
  }

  /** Hear of something from now on, over every reconnect. @param {Wish} wish */
  subscribe(wish) {
    this.#wants.wishes.add(wish);
    return this.#changed("subscribe", wish);
  }

  /** @param {Wish} wish only `channel` and `symbols` count */
  unsubscribe(wish) {
    this.#wants.wishes.remove(wish);
    return this.#changed("unsubscribe", wish);
  }

  /** Try at once, whatever the count-down says. */
  retry() {
    this.#happen({ type: "retry" });
  }

  /** End it for good. */
  close() {
    this.#happen({ type: "stop" });
  }

  // ---- what happens to it

  /** Let the browser's events, and time, happen to it. */
  #watch() {
    const { signal } = this.#forgetting;
    for (const type of /** @type {const} */ (["online", "offline"])) {
      globalThis.addEventListener?.(type, () => this.#happen({ type }), { signal });
    }
    globalThis.document?.addEventListener(
      "visibilitychange",
      () => {
        if (document.visibilityState === "visible") this.#happen({ type: "visible" });
      },
      { signal },
    );
    const ticking = setInterval(() => this.#happen({ type: "tick" }), TICK_MS);
    signal.addEventListener("abort", () => clearInterval(ticking));
  }

  /** @param {import("./session.js").SessionEvent} event */
  #happen(event) {
    if (this.#forgetting.signal.aborted) return;
    const before = this.#session;
    const { session, actions } = step(before, event, Date.now(), Math.random);
    this.#session = session;
    if (event.type === "stop") this.#forgetting.abort();
    for (const action of actions) this.#act(action);
    const tell = this.#listeners.tell.bind(this.#listeners);
    if (before.state !== session.state) {
      if (session.state === "connected") tell("connect", { way: session.way });
      else if (before.state === "connected") tell("disconnect", { reason: this.#reason });
    }
    if (SHOWN.some((property) => before[property] !== session[property])) tell("state", session);
  }

  /** @param {import("./session.js").Action} action */
  #act(action) {
    const { wishes, positions } = this.#wants;
    switch (action) {
      case "open":
        this.#leave();
        this.#listen(this.#session.way);
        return;
      case "close":
        this.#leave();
        return;
      case "subscribe":
        this.#again = new Set(this.#opened ? wishes.list().map(nameOf) : []);
        this.#opened = true;
        this.#link?.subscribe();
        return;
      case "ping":
        this.#link?.ping();
        return;
      case "forget":
        positions.forget();
        return;
      case "refetch":
        for (const channel of new Set(wishes.list().map((wish) => wish.channel))) {
          this.#refetch(channel);
        }
        return;
      case "probe":
        void this.#probe();
        return;
      case "look":
        this.#look();
    }
  }

  /** @param {"subscribe" | "unsubscribe"} type @param {Wish} wish */
  #changed(type, wish) {
    if (this.#session.state === "connected") this.#link?.changed({ type, payload: wish });
    return this;
  }

  #leave() {
    const left = this.#link;
    this.#link = null;
    left?.close();
  }

  /** Nothing of a link that was left behind is heard. @param {import("./session.js").Way} way */
  #listen(way) {
    let first = true;
    this.#reason = "";
    /** @type {import("./transports/transport.js").Link} */
    const made = TRANSPORTS[way](this.#base, this.#wants, {
      frame: (frame) => {
        if (made !== this.#link) return;
        if (first) {
          first = false;
          this.#happen({ type: "opened" });
          if (made !== this.#link) return; // a handler has closed it
        }
        this.#happen({
          type: "heard",
          data: frame.type === "snapshot" || CHANNELS.has(frame.type),
        });
        this.#take(frame);
      },
      alive: () => {
        if (made === this.#link) this.#happen({ type: "heard", data: false });
      },
      lost: (code, reason, afterMs) => {
        if (made !== this.#link) return;
        this.#link = null;
        this.#reason = reason;
        this.#happen({ type: "closed", code, reason, afterMs });
      },
    });
    this.#link = made;
  }

  // ---- what comes by it

  /** @param {Frame} frame */
  #take(frame) {
    const { type, payload } = frame;
    const listeners = this.#listeners;
    if (type === "subscribed") this.#answered(payload);
    listeners.tell("frame", frame, Date.now());
    if (type !== "status") listeners.tell(type, payload);
    const snapshot = type === "snapshot";
    const channel = snapshot ? payload.channel : type === "status" ? type : CHANNELS.get(type);
    if (channel === undefined || !(channel === "trade" || listeners.has(channel))) return;
    const updates = Array.isArray(payload.updates) ? payload.updates : [payload];
    const { positions } = this.#wants;
    if (type === "trade_update" && positions.lacks(payload)) this.#refetch(channel);
    const news = channel === "trade" ? positions.news(updates, snapshot) : updates;
    for (const update of news) listeners.tell(channel, update);
  }

  /** @param {any} answer a `Subscribed`, hopefully */
  #answered(answer) {
    const was = this.#again.delete(nameOf(answer));
    if (answer.channel === "trade") {
      this.#wants.positions.subscribed(answer, was);
      if (answer.recovered === false || (was && answer.recovered !== true)) this.#refetch("trade");
    } else if (was) {
      this.#refetch(answer.channel);
    }
  }

  /** @param {string} channel */
  #refetch(channel) {
    if (WITH_PAST.includes(channel)) this.#listeners.tell("refetch", { channel });
  }

  // ---- which way to take

  async #probe() {
    let reachable = false;
    try {
      const answer = await fetch(new URL("health/live", this.#base), {
        signal: AbortSignal.timeout(PROBE_MS),
        cache: "no-store",
      });
      reachable = answer.ok;
    } catch {
      // Not reached, too slow, or not for this page: then no other way works either.
    }
    this.#happen({ type: "probed", reachable });
  }

  /** See whether the best way opens, beside the one that is in use. */
  #look() {
    const [way] = this.#session.ways;
    if (way === undefined) return;
    const done = () => {
      clearTimeout(timer);
      spare.close();
    };
    const timer = setTimeout(done, LOOK_MS);
    const nothing = { wishes: new Wishes(), positions: new Positions() };
    const spare = TRANSPORTS[way](this.#base, nothing, {
      frame: () => {
        done();
        this.#happen({ type: "better" });
      },
      alive() {},
      lost: done,
    });
  }
}

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
  return new Connection(new URL(url, globalThis.location?.href), transports);
}

/** @param {{channel?: string, interval?: string}} wish or the answer to it */
function nameOf({ channel, interval }) {
  return `${channel} ${interval}`;
}

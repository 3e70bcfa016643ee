/**
 * The page's one WebSocket: bytes in, frames out. What to do is decided in session.js; this file
 * does it, with the real socket, clock and timer.
 *
 * It never gives up and never holds more than one socket: one that is left behind is closed and
 * deaf before the next is opened.
 *
 * @module
 */

import { readFrame } from "./frames.js";
import { newSession, step } from "./session.js";

/** How often the session is asked whether something is due. */
const TICK_MS = 250;
/** Kinds of frames that show that market data flows. */
const DATA = new Set(["snapshot", "price_update", "batch_update", "candle_update"]);

/** What the page wants to hear, sent whole after every opening. */
export const SUBSCRIPTIONS = [
  { symbols: "*", channel: "ticker", rate_ms: 100 },
  { symbols: "*", channel: "candle", interval: "1m", rate_ms: 250 },
  { symbols: "*", channel: "status" },
];

/**
 * Open the connection and keep it open for the life of the page.
 *
 * @param {string} url `ws://…` or `wss://…`
 * @param {object} listener
 * @param {(frame: import("./frames.js").Frame, at: number) => void} listener.onFrame
 *   each readable frame, and the ms at which it came
 * @param {(session: import("./session.js").Session) => void} listener.onSession each change
 * @returns {{retry: () => void}} `retry` tries at once, whatever the count-down says
 */
export function connect(url, { onFrame, onSession }) {
  let session = newSession(Date.now(), navigator.onLine);
  /** @type {WebSocket | null} */
  let socket = null;

  /** @param {import("./session.js").SessionEvent} event */
  function happen(event) {
    const before = session;
    const next = step(session, event, Date.now(), Math.random);
    session = next.session;
    for (const action of next.actions) act(action);
    if (
      before.state !== session.state ||
      before.nextTryAt !== session.nextTryAt ||
      before.open !== session.open ||
      before.attempt !== session.attempt
    ) {
      onSession(session);
    }
  }

  /** @param {import("./session.js").Action} action */
  function act(action) {
    switch (action) {
      case "open":
        leave();
        socket = listen(new WebSocket(url));
        return;
      case "close":
        leave();
        return;
      case "subscribe":
        for (const payload of SUBSCRIPTIONS) send({ type: "subscribe", payload });
        return;
      case "ping":
        send({ type: "ping" });
    }
  }

  function leave() {
    const left = socket;
    socket = null;
    left?.close();
  }

  /** @param {object} message */
  function send(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  /** Every event of a socket that has been left behind is dropped. @param {WebSocket} opened */
  function listen(opened) {
    opened.onopen = () => {
      if (opened === socket) happen({ type: "opened" });
    };
    opened.onmessage = (event) => {
      if (opened !== socket) return;
      const frame = readFrame(event.data);
      happen({ type: "frame", data: frame !== null && DATA.has(frame.type) });
      if (frame !== null) onFrame(frame, Date.now());
    };
    opened.onclose = (event) => {
      if (opened === socket) happen({ type: "closed", code: event.code, reason: event.reason });
    };
    return opened;
  }

  addEventListener("online", () => happen({ type: "online" }));
  addEventListener("offline", () => happen({ type: "offline" }));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") happen({ type: "visible" });
  });
  setInterval(() => happen({ type: "tick" }), TICK_MS);
  onSession(session);
  happen({ type: "start" });
  return { retry: () => happen({ type: "retry" }) };
}

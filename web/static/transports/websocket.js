/**
 * The best way: one WebSocket, `/ws`, both ways (docs/wire-format.md).
 *
 * @module
 */

import { readFrame } from "../frames.js";

/**
 * @type {import("./transport.js").Transport}
 */
export function openWebSocket(base, { wishes, positions }, heard) {
  const url = new URL("ws", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url.href);
  socket.onmessage = ({ data }) => {
    const frame = readFrame(data);
    if (frame === null) heard.alive();
    else heard.frame(frame);
  };
  socket.onclose = ({ code, reason }) => heard.lost(code, reason);
  // A browser says both, and the second is not heard; Node.js 20 says no more than this.
  socket.onerror = () => heard.lost(1006, "the WebSocket has failed");

  /** @param {object} message */
  function send(message) {
    if (socket.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  return {
    subscribe: () => wishes.messages(positions.resume()).forEach(send),
    changed: send,
    send,
    ping: () => void send({ type: "ping" }),
    close() {
      socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    },
  };
}

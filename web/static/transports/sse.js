/**
 * Where WebSockets are blocked: server-sent events, `/sse`, read by `fetch`.
 *
 * Not by EventSource: that comes back by itself, all pages at the same pace, and hides why it was
 * refused. The wishes stand in the query, so another wish is another request, which goes on where
 * the page is by `Last-Event-ID`. Nothing can be said to the server on it.
 *
 * @module
 */

import { retryAfterMs } from "../backoff.js";
import { readEvents } from "../events.js";
import { readFrame } from "../frames.js";

/** A stream that the server has ended, as it would close a WebSocket to restart. */
const RESTARTING = 1012;

/**
 * @type {import("./transport.js").Transport}
 */
export function openSse(base, { wishes, positions }, heard) {
  /** The request that counts. @type {AbortController | null} */
  let current = null;
  let again = false;

  async function listen() {
    const request = new AbortController();
    current = request;
    const url = new URL(`sse?${wishes.query()}`, base);
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream" };
    const last = positions.eventId();
    if (last !== null) headers["last-event-id"] = last;
    try {
      const { signal } = request;
      const answer = await fetch(url, { headers, signal, cache: "no-store" });
      if (!answer.ok || answer.body === null) {
        leave(
          request,
          answer.status,
          answer.statusText,
          retryAfterMs(answer.headers.get("retry-after")),
        );
        return;
      }
      const spreadMs = await read(answer.body, request);
      if (spreadMs === null) leave(request, 1006, "the stream has ended");
      else leave(request, RESTARTING, JSON.stringify({ spread_ms: spreadMs }));
    } catch (error) {
      leave(request, 1006, String(error));
    }
  }

  /**
   * Read a stream to its end: one that the server has ended says over how long to spread.
   *
   * @param {ReadableStream<Uint8Array>} body
   * @param {AbortController} request
   * @returns {Promise<number | null>} ms; null where it said nothing, or nothing got through
   */
  async function read(body, request) {
    let retryMs = null;
    let begun = false;
    const decoder = new TextDecoder();
    const take = readEvents({
      event(data) {
        const frame = readFrame(data);
        if (frame === null) return;
        begun = true;
        heard.frame(frame);
      },
      comment: heard.alive,
      retry(ms) {
        retryMs = ms;
      },
    });
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || request !== current) return begun ? retryMs : null;
      take(decoder.decode(value, { stream: true }));
    }
  }

  /**
   * @param {AbortController} request
   * @param {number} code
   * @param {string} reason
   * @param {number} [afterMs]
   */
  function leave(request, code, reason, afterMs) {
    if (request !== current) return;
    current = null;
    request.abort();
    heard.lost(code, reason, afterMs);
  }

  void listen();
  return {
    subscribe() {}, // the query has said it all
    changed() {
      if (again) return;
      again = true;
      queueMicrotask(() => {
        again = false;
        if (current === null) return;
        current.abort();
        void listen();
      });
    },
    send: () => false,
    ping() {}, // its comments come unasked
    close() {
      current?.abort();
      current = null;
    },
  };
}

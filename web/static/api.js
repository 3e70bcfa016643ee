/**
 * The REST routes that the page reads, and how any route is asked. A path goes in; JSON comes out,
 * or `RequestFailed` with a sentence for people. It never retries: who asked decides that.
 *
 * @module
 */

import { retryAfterMs } from "./backoff.js";

/** An answer that takes longer than this has failed. */
const TIMEOUT_MS = 10_000;
/** Stored candles that a chart begins with. */
export const CANDLES_ASKED = 300;

/** A request that brought no usable answer; its message says why, in one sentence. */
export class RequestFailed extends Error {
  /**
   * @param {string} sentence
   * @param {number} [status] of the answer, 0 where there was none
   * @param {number} [afterMs] the server wants to be left alone for so long
   */
  constructor(sentence, status = 0, afterMs) {
    super(sentence);
    this.status = status;
    this.afterMs = afterMs;
  }
}

/**
 * Return the JSON of an answer and the tag of its version; null for JSON where that is the version
 * of `known`.
 *
 * @param {string | URL} url
 * @param {string | null} [known] the tag of the version that is already here
 * @returns {Promise<{body: any, tag: string | null}>}
 * @throws {RequestFailed}
 */
export async function ask(url, known = null) {
  let response;
  try {
    response = await fetch(url, {
      headers: { accept: "application/json", ...(known !== null && { "if-none-match": known }) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(known !== null && { cache: /** @type {const} */ ("no-store") }),
    });
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new RequestFailed(
      late
        ? `The server did not answer within ${TIMEOUT_MS / 1000} s.`
        : "The server was not reached.",
    );
  }
  const { status } = response;
  if (status === 304) return { body: null, tag: known };
  let body;
  try {
    body = await response.json();
  } catch {
    throw new RequestFailed(`The server answered ${status} with something unreadable.`, status);
  }
  if (response.ok) return { body, tag: response.headers.get("etag") };
  const said = body?.error?.message;
  throw new RequestFailed(
    typeof said === "string" ? said : `The server answered ${status}.`,
    status,
    retryAfterMs(response.headers.get("retry-after")),
  );
}

/**
 * @returns {Promise<import("./messages.js").Status>}
 * @throws {RequestFailed}
 */
export async function fetchStatus() {
  return (await ask("/api/status")).body;
}

/**
 * @param {string} key `exchange:symbol`
 * @returns {Promise<import("./messages.js").CandleRow[]>} the newest one-minute candles
 * @throws {RequestFailed}
 */
export async function fetchCandles(key) {
  const query = new URLSearchParams({ symbol: key, interval: "1m", limit: String(CANDLES_ASKED) });
  const { body } = await ask(`/api/candles?${query}`);
  if (!Array.isArray(body)) throw new RequestFailed("The server answered with no list of candles.");
  return body;
}

/**
 * The REST routes that the page reads, and how any route is asked. A path goes in; JSON comes out,
 * or `RequestFailed` with a sentence for people. It never retries: who asked decides that.
 *
 * @module
 */

import { retryAfterMs } from "./backoff.js";
import { CHART_INTERVAL, HOURS } from "./store.js";

/** An answer that takes longer than this has failed. */
const TIMEOUT_MS = 10_000;
/** Rows of a page of the table of all symbols. */
const ROWS_MAX = 1_000;

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
 * @returns {Promise<{body: any, tag: string | null, next?: string | null}>} `next`: the cursor of
 *   the next page
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
  const { headers } = response;
  if (response.ok) return { body, tag: headers.get("etag"), next: headers.get("x-next-cursor") };
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
 * @returns {Promise<import("./messages.js").CandleRow[]>} the newest hours
 * @throws {RequestFailed}
 */
export async function fetchCandles(key) {
  const query = new URLSearchParams({ symbol: key, interval: CHART_INTERVAL, limit: String(HOURS) });
  const { body } = await ask(`/api/candles?${query}`);
  if (!Array.isArray(body)) throw new RequestFailed("The server answered with no list of candles.");
  return body;
}

/**
 * @returns {Promise<object[]>} all symbols with their last 24 hours, the most traded first
 * @throws {RequestFailed}
 */
export async function fetchMarkets() {
  const rows = [];
  const query = new URLSearchParams({ limit: String(ROWS_MAX) });
  for (;;) {
    const { body, next } = await ask(`/api/markets?${query}`);
    if (!Array.isArray(body)) throw new RequestFailed("The server answered with no list.");
    rows.push(...body);
    if (!next) return rows;
    query.set("cursor", next);
  }
}

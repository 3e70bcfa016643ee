/**
 * The REST routes that the page reads. A path goes in; JSON comes out, or `RequestFailed` with a
 * sentence for people. It never retries: who asked decides that.
 *
 * @module
 */

/** An answer that takes longer than this has failed. */
const TIMEOUT_MS = 10_000;
/** Stored candles that a chart begins with. */
export const CANDLES_ASKED = 300;

/** A request that brought no usable answer; its message says why, in one sentence. */
export class RequestFailed extends Error {}

/**
 * @param {string} path
 * @returns {Promise<any>}
 * @throws {RequestFailed}
 */
async function get(path) {
  let response;
  try {
    response = await fetch(path, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new RequestFailed(
      late
        ? `The server did not answer within ${TIMEOUT_MS / 1000} s.`
        : "The server was not reached.",
    );
  }
  let body;
  try {
    body = await response.json();
  } catch {
    throw new RequestFailed(`The server answered ${response.status} with something unreadable.`);
  }
  if (response.ok) return body;
  const said = body?.error?.message;
  throw new RequestFailed(
    typeof said === "string" ? said : `The server answered ${response.status}.`,
  );
}

/**
 * @returns {Promise<import("./messages.js").Status>}
 * @throws {RequestFailed}
 */
export function fetchStatus() {
  return get("/api/status");
}

/**
 * @param {string} key `exchange:symbol`
 * @returns {Promise<import("./messages.js").CandleRow[]>} the newest one-minute candles
 * @throws {RequestFailed}
 */
export async function fetchCandles(key) {
  const query = new URLSearchParams({ symbol: key, interval: "1m", limit: String(CANDLES_ASKED) });
  const rows = await get(`/api/candles?${query}`);
  if (!Array.isArray(rows)) throw new RequestFailed("The server answered with no list of candles.");
  return rows;
}

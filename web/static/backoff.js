/**
 * How long to wait before the next try: exponential with full jitter.
 *
 * Pure: randomness is an argument. Base 0.5 s, doubled each try, never above 30 s, and a uniform
 * draw from nothing up to that, so that ten thousand pages do not come back in one instant.
 *
 * @module
 */

export const BASE_MS = 500;
export const CAP_MS = 30_000;
/** A server that asks for a longer spread than this is not believed. */
export const SPREAD_MS_MAX = 60_000;

/**
 * @param {number} attempt tries that have failed since data last flowed, 0 for none
 * @param {() => number} random uniform in [0, 1)
 * @returns {number} ms to wait
 */
export function fullJitter(attempt, random) {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 30));
}

/**
 * Return over how many ms a restarting server asks its clients to spread, from the reason of its
 * close (code 1012): the first whole number in it (`"2000"`, `{"spread_ms": 2000}`), else null.
 *
 * @param {string} reason
 * @returns {number | null}
 */
export function spreadOf(reason) {
  const found = /\d{1,9}/.exec(reason);
  return found === null ? null : Math.min(Number(found[0]), SPREAD_MS_MAX);
}

/**
 * Return how many ms a server wants to be left alone for, from its `Retry-After` in seconds;
 * nothing where it does not say.
 *
 * @param {string | null} header
 * @returns {number | undefined}
 */
export function retryAfterMs(header) {
  if (header === null || !/^\d{1,9}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1000, SPREAD_MS_MAX);
}

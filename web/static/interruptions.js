/**
 * What the loss of the connection has cost: how often, for how long, and what became of what was
 * missed. Pure.
 *
 * In come whether there is a connection, the frames that it brings, and the moment (ms of this
 * machine's clock). Trades that happened before they were asked for again are those that had been
 * missed; of all else the newest is sent, and the past is fetched anew.
 *
 * @module
 */

import { epochMs } from "./candles.js";

/**
 * @typedef {object} Interruptions
 * @property {number | null} since ms: when this connection began; null while there is none
 * @property {number | null} lostAt ms: when the last one was lost; null where none ever was
 * @property {number | null} backAt ms: when there was one again
 * @property {number} count
 * @property {number} awayMs all of them together
 * @property {number} recovered trades that were missed, and sent after all
 * @property {boolean} whole false where more was missed than is sent again: it was fetched anew
 * @property {number} askedAt ms of the server's clock: when trades were asked for again, else 0
 */

/** @type {Interruptions} */
export const UNBROKEN = {
  since: null,
  lostAt: null,
  backAt: null,
  count: 0,
  awayMs: 0,
  recovered: 0,
  whole: true,
  askedAt: 0,
};

/**
 * @param {Interruptions} before
 * @param {boolean} connected
 * @param {number} now ms
 * @returns {Interruptions}
 */
export function brokenBy(before, connected, now) {
  const { since, lostAt, count } = before;
  if (connected === (since !== null)) return before;
  if (!connected) return { ...before, since: null, lostAt: now, backAt: null, count: count + 1 };
  if (lostAt === null) return { ...before, since: now };
  return { ...before, since: now, backAt: now, awayMs: before.awayMs + now - lostAt };
}

/**
 * @param {Interruptions} before
 * @param {import("./frames.js").Frame} frame
 * @returns {Interruptions}
 */
export function gatheredBy(before, { type, payload, timestamp }) {
  if (type === "subscribed" && payload.channel === "trade") {
    const askedAt = payload.recovered === true ? (epochMs(timestamp) ?? 0) : 0;
    return { ...before, askedAt, whole: before.whole && payload.recovered !== false };
  }
  if (type !== "trade_update" || !(payload.ts < before.askedAt)) return before;
  return { ...before, recovered: before.recovered + 1 };
}

/**
 * Where nothing that stays open gets through: plain requests, turned into the frames that a stream
 * would have sent.
 *
 * Prices are asked for every 2 s (`/api/latest`, which answers 304 while nothing changes), all else
 * seldom: everything that is known of a price, and the state of the exchanges, every 10 s, and in
 * between one candle or one hour's average at a time, in turn. That is at most 60 requests for
 * market data and 6 others a minute. Trades are not polled, and refused as wishes.
 *
 * @module
 */

import { RequestFailed, ask } from "../api.js";
import { Polled, parts } from "../polled.js";

export const EVERY_MS = 2_000;
/** In how many rounds all that is known of each price is asked for once. */
const ROUNDS = 5;
/** Of the averages the last one counts, which may be the hour before in its first moments. */
const HOURS_ASKED_MS = 7_200_000;
/** Too many at once, or what is asked for is gone: anything else is no reason to leave. */
const TOO_MANY = 429;

/** @typedef {import("../wishes.js").Wish & {channel: string}} Wish */

/**
 * @type {import("./transport.js").Transport}
 */
export function openPolling(base, { wishes }, heard) {
  const polled = new Polled();
  let open = true;
  let round = 0;
  let turn = 0;
  let unanswered = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** By comma list: the version of its prices that is here. @type {Map<string, string | null>} */
  const tags = new Map();

  /** @param {string} type @param {object} payload */
  function tell(type, payload) {
    if (open) heard.frame({ type, payload, timestamp: null });
  }

  /** The answer to each wish, as a stream gives it. */
  function answer() {
    unanswered = false;
    for (const { channel, interval, ...wish } of wishes.list()) {
      const refused = channel === "trade";
      const { keys, unknown } = polled.find(wish);
      const why = refused ? "trades are not polled" : "there is no such symbol";
      tell("subscribed", {
        channel,
        symbols: refused ? [] : keys,
        rejected: (refused ? keys : unknown).map((symbol) => ({ symbol, reason: why })),
        rate_ms: EVERY_MS,
        resume: {},
        recovered: null,
        ...(interval !== undefined && { interval }),
      });
    }
  }

  /** The keys that are wanted of a channel. @param {string[]} channels */
  function wanted(...channels) {
    const found = wishes.list().filter(({ channel }) => channels.includes(channel));
    return [...new Set(found.flatMap((wish) => polled.find(wish).keys))];
  }

  /** @param {string} type @param {readonly string[]} keys */
  function tellTickers(type, keys) {
    const updates = keys.map((key) => polled.ticker(key)).filter((each) => each !== null);
    if (updates.length > 0) tell(type, { ...(type === "snapshot" && { channel: "ticker" }), updates });
  }

  async function everything() {
    const { body } = await ask(new URL("api/prices?limit=1000", base));
    if (!open) return;
    polled.reload(body);
    tags.clear();
    if (round === 0) tell("connection_status", { status: "connected" });
    heard.alive();
    if (unanswered) answer();
    tellTickers("snapshot", wanted("ticker"));
    if (!wishes.list().some(({ channel }) => channel === "status")) return;
    const status = await seldom("api/status");
    const feeds = Array.isArray(status?.feeds) ? status.feeds : [];
    tell("snapshot", { channel: "status", updates: feeds });
  }

  async function prices() {
    if (unanswered) {
      answer();
      tellTickers("snapshot", wanted("ticker"));
    }
    const lists = parts(wanted("ticker"));
    const list = lists[round % lists.length];
    if (list === undefined) return;
    const { body, tag } = await ask(
      new URL(`api/latest?symbols=${list}`, base),
      tags.get(list) ?? null,
    );
    tags.set(list, tag);
    if (!open) return;
    heard.alive();
    tellTickers("batch_update", polled.latest(body));
  }

  /** One candle, or one hour's average: that whose turn it is. */
  async function inTurn() {
    const series = [
      ...wanted("ticker", "average").map((key) => ({ key, interval: null })),
      ...wishes
        .list()
        .filter(({ channel }) => channel === "candle")
        .flatMap((wish) =>
          polled.find(wish).keys.map((key) => ({ key, interval: wish.interval ?? "1m" })),
        ),
    ];
    const next = series[turn % series.length];
    turn += 1;
    if (next === undefined) return;
    const { key, interval } = next;
    if (interval === null) {
      const from = new Date(Date.now() - HOURS_ASKED_MS).toISOString();
      polled.hour(key, await seldom(`api/averages?pair=${key}&from=${from}`));
      const average = polled.average(key);
      if (average !== null && wanted("average").includes(key)) tell("average_update", average);
      return;
    }
    const rows = await seldom(`api/candles?symbol=${key}&interval=${interval}&limit=2`);
    const [exchange, symbol] = key.split(":");
    for (const row of Array.isArray(rows) ? rows : []) {
      tell("candle_update", { ...row, exchange, symbol, interval, epoch: null, seq: null });
    }
  }

  /** What is asked in addition may fail: prices go on. @param {string} path */
  async function seldom(path) {
    try {
      return (await ask(new URL(path, base))).body;
    } catch (error) {
      if (error instanceof RequestFailed) return null;
      throw error;
    }
  }

  async function poll() {
    try {
      await (round % ROUNDS === 0 ? everything() : prices());
      if (open) await inTurn();
      round += 1;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      const gone = error.status >= 400 && error.status < 500 && error.status !== TOO_MANY;
      if (round === 0 || !gone) {
        lose(error);
        return;
      }
      round = ROUNDS; // a symbol is gone: ask anew which there are
      unanswered = true;
    }
    if (open) timer = setTimeout(poll, EVERY_MS);
  }

  /** @param {RequestFailed} error */
  function lose({ status, message, afterMs }) {
    if (!open) return;
    open = false;
    heard.lost(status || 1006, message, afterMs);
  }

  void poll();
  return {
    subscribe() {}, // each round asks for what is wanted by then
    changed() {
      unanswered = true;
    },
    send: () => false,
    ping() {}, // the next round is one
    close() {
      open = false;
      clearTimeout(timer);
    },
  };
}

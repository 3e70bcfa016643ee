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

/** Asks again and again; a `Link`. */
class Polling {
  #base;
  #wishes;
  #heard;
  #polled = new Polled();
  #open = true;
  #round = 0;
  #turn = 0;
  #unanswered = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** By comma list: the version of its prices that is here. @type {Map<string, string | null>} */
  #tags = new Map();

  /**
   * @param {URL} base
   * @param {import("../wishes.js").Wishes} wishes
   * @param {import("./transport.js").Heard} heard
   */
  constructor(base, wishes, heard) {
    this.#base = base;
    this.#wishes = wishes;
    this.#heard = heard;
    void this.#poll();
  }

  subscribe() {} // each round asks for what is wanted by then

  changed() {
    this.#unanswered = true;
  }

  send() {
    return false;
  }

  ping() {} // the next round is one

  close() {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  // ---- one round after another

  async #poll() {
    try {
      await (this.#round % ROUNDS === 0 ? this.#everything() : this.#prices());
      if (this.#open) await this.#inTurn();
      this.#round += 1;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      const gone = error.status >= 400 && error.status < 500 && error.status !== TOO_MANY;
      if (this.#round === 0 || !gone) {
        this.#lose(error);
        return;
      }
      this.#round = ROUNDS; // a symbol is gone: ask anew which there are
      this.#unanswered = true;
    }
    if (this.#open) this.#timer = setTimeout(() => void this.#poll(), EVERY_MS);
  }

  /** @param {RequestFailed} error */
  #lose({ status, message, afterMs }) {
    if (!this.#open) return;
    this.#open = false;
    this.#heard.lost(status || 1006, message, afterMs);
  }

  async #everything() {
    const { body } = await this.#ask("api/prices?limit=1000");
    if (!this.#open) return;
    this.#polled.reload(body);
    this.#tags.clear();
    if (this.#round === 0) this.#tell("connection_status", { status: "connected" });
    this.#heard.alive();
    this.#answer();
    this.#tellTickers("snapshot", this.#wanted("ticker"));
    if (!this.#wishes.list().some(({ channel }) => channel === "status")) return;
    const status = await this.#seldom("api/status");
    const updates = Array.isArray(status?.feeds) ? status.feeds : [];
    this.#tell("snapshot", { channel: "status", updates });
  }

  async #prices() {
    if (this.#unanswered) {
      this.#answer();
      this.#tellTickers("snapshot", this.#wanted("ticker"));
    }
    const lists = parts(this.#wanted("ticker"));
    const list = lists[this.#round % lists.length];
    if (list === undefined) return;
    const { body, tag } = await this.#ask(
      `api/latest?symbols=${list}`,
      this.#tags.get(list) ?? null,
    );
    if (!this.#open) return;
    this.#tags.set(list, tag);
    this.#heard.alive();
    this.#tellTickers("batch_update", this.#polled.latest(body));
  }

  /** Ask for one candle, or for one hour's average: that whose turn it is. */
  async #inTurn() {
    const hours = this.#wanted("ticker", "average").map((key) => ({ key, interval: undefined }));
    const candles = this.#wishes.list().flatMap(({ channel, interval, ...wish }) => {
      const keys = channel === "candle" ? this.#polled.find(wish).keys : [];
      return keys.map((key) => ({ key, interval }));
    });
    const series = [...hours, ...candles];
    const next = series[this.#turn % series.length];
    this.#turn += 1;
    if (next?.interval === undefined) {
      if (next !== undefined) await this.#hour(next.key);
      return;
    }
    const { key, interval } = next;
    const rows = await this.#seldom(`api/candles?symbol=${key}&interval=${interval}&limit=2`);
    const [exchange, symbol] = key.split(":");
    for (const row of Array.isArray(rows) ? rows : []) {
      this.#tell("candle_update", { ...row, exchange, symbol, interval, epoch: null, seq: null });
    }
  }

  /** @param {string} key */
  async #hour(key) {
    const from = new Date(Date.now() - HOURS_ASKED_MS).toISOString();
    this.#polled.hour(key, await this.#seldom(`api/averages?pair=${key}&from=${from}`));
    const average = this.#polled.average(key);
    if (average !== null && this.#wanted("average").includes(key)) {
      this.#tell("average_update", average);
    }
  }

  /** @param {string} path @param {string | null} [known] */
  #ask(path, known = null) {
    return ask(new URL(path, this.#base), known);
  }

  /** What is asked in addition may fail: prices go on. @param {string} path */
  async #seldom(path) {
    try {
      return (await this.#ask(path)).body;
    } catch (error) {
      if (error instanceof RequestFailed) return null;
      throw error;
    }
  }

  // ---- what is told

  /** @param {string} type @param {object} payload */
  #tell(type, payload) {
    if (this.#open) this.#heard.frame({ type, payload, timestamp: null });
  }

  /** Answer each wish, as a stream does. */
  #answer() {
    if (!this.#unanswered) return;
    this.#unanswered = false;
    for (const { channel, interval, ...wish } of this.#wishes.list()) {
      const refused = channel === "trade";
      const { keys, unknown } = this.#polled.find(wish);
      const reason = refused ? "trades are not polled" : "there is no such symbol";
      this.#tell("subscribed", {
        channel,
        symbols: refused ? [] : keys,
        rejected: (refused ? keys : unknown).map((symbol) => ({ symbol, reason })),
        rate_ms: EVERY_MS,
        resume: {},
        recovered: null,
        ...(interval !== undefined && { interval }),
      });
    }
  }

  /** @param {"snapshot" | "batch_update"} type @param {readonly string[]} keys */
  #tellTickers(type, keys) {
    const updates = keys.map((key) => this.#polled.ticker(key)).filter((each) => each !== null);
    if (updates.length === 0) return;
    this.#tell(type, { ...(type === "snapshot" && { channel: "ticker" }), updates });
  }

  /** The keys that are wanted of some channels. @param {string[]} channels */
  #wanted(...channels) {
    const found = this.#wishes.list().filter(({ channel }) => channels.includes(channel));
    return [...new Set(found.flatMap((wish) => this.#polled.find(wish).keys))];
  }
}

/**
 * @type {import("./transport.js").Transport}
 */
export function openPolling(base, { wishes }, heard) {
  return new Polling(base, wishes, heard);
}

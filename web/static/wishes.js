/**
 * What a page wants to hear, kept for as long as its connection is, so that each opening asks for
 * all of it again.
 *
 * In come `subscribe` and `unsubscribe` as the page says them, in any spelling of a symbol; out go
 * the messages that ask a new WebSocket for the same, or the query that asks for it as events. It
 * grows with what is named, not with how often.
 *
 * @module
 */

/**
 * @typedef {object} Wish the payload of `subscribe`
 * @property {string} [channel] ticker (default), trade, candle, average or status
 * @property {readonly string[] | "*"} [symbols] names in any spelling; all by default
 * @property {"1m" | "1h" | "1d"} [interval] of candles, 1m by default
 * @property {number} [rate_ms] at most one frame in so many ms, at least 50; not for trades
 *
 * @typedef {object} Entry
 * @property {string} channel
 * @property {string | undefined} interval
 * @property {number | undefined} rate_ms the last one given
 * @property {boolean} all
 * @property {Map<string, string>} named the names that are wanted, by their plain spelling
 * @property {Map<string, string>} left those that are not, although all are, or nobody named them
 */

/** @type {"*"} */
export const ALL = "*";

/**
 * Return a name without what differs between its spellings: `eth/usdt` and `ETH-USDT` are one.
 *
 * @param {string} name
 * @returns {string}
 */
export function plain(name) {
  return name.toUpperCase().replace(/[-/_\s]/g, "");
}

/** @param {Wish} wish @returns {readonly string[] | null} null for all */
function namesOf({ symbols = ALL }) {
  const names = typeof symbols === "string" ? [symbols] : symbols;
  return names.includes(ALL) ? null : names;
}

/** All that is wanted. */
export class Wishes {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /** @param {Wish} wish */
  add(wish) {
    const channel = wish.channel ?? "ticker";
    const interval = channel === "candle" ? (wish.interval ?? "1m") : undefined;
    const key = `${channel} ${interval}`;
    /** @type {Entry} */
    const entry = this.#entries.get(key) ?? {
      channel,
      interval,
      rate_ms: undefined,
      all: false,
      named: new Map(),
      left: new Map(),
    };
    this.#entries.set(key, entry);
    entry.rate_ms = wish.rate_ms ?? entry.rate_ms;
    const names = namesOf(wish);
    if (names === null) {
      entry.all = true;
      entry.named.clear();
      entry.left.clear();
    }
    for (const name of names ?? []) {
      entry.left.delete(plain(name));
      if (!entry.all) entry.named.set(plain(name), name);
    }
  }

  /** As the server does, of all intervals. @param {Wish} wish */
  remove(wish) {
    const channel = wish.channel ?? "ticker";
    const names = namesOf(wish);
    for (const [key, entry] of this.#entries) {
      if (entry.channel !== channel) continue;
      for (const name of names ?? []) {
        // Another spelling may be meant, which only the server can tell.
        if (!entry.named.delete(plain(name))) entry.left.set(plain(name), name);
      }
      if (names === null || (!entry.all && entry.named.size === 0)) this.#entries.delete(key);
    }
  }

  /** Each channel and interval once. @returns {(Wish & {channel: string})[]} */
  list() {
    return [...this.#entries.values()].map(({ channel, interval, rate_ms, all, named }) => ({
      channel,
      symbols: all ? ALL : [...named.values()],
      ...(interval !== undefined && { interval: /** @type {"1m"} */ (interval) }),
      ...(rate_ms !== undefined && { rate_ms }),
    }));
  }

  /**
   * Return the messages that ask a new connection for all of it.
   *
   * @param {Record<string, readonly number[]> | null} resume after which trades
   * @returns {{type: string, payload: object}[]}
   */
  messages(resume) {
    const asked = this.list().map((wish) => ({
      type: "subscribe",
      payload: wish.channel === "trade" && resume !== null ? { ...wish, resume } : wish,
    }));
    const left = [...this.#entries.values()]
      .filter((entry) => entry.left.size > 0)
      .map(({ channel, left: names }) => ({
        type: "unsubscribe",
        payload: { channel, symbols: [...names.values()] },
      }));
    return [...asked, ...left];
  }

  /**
   * Return the query of `/sse` that brings all of it. A stream of events has one set of symbols and
   * one rate, so it may bring more than was asked for: each channel of each symbol.
   *
   * @returns {URLSearchParams}
   */
  query() {
    const wishes = this.list();
    const all = wishes.length === 0 || wishes.some(({ symbols }) => symbols === ALL);
    const names = new Set(wishes.flatMap(({ symbols }) => symbols ?? []));
    const channels = wishes.map(({ channel, interval }) =>
      interval === undefined ? channel : `${channel}:${interval}`,
    );
    const rates = wishes.flatMap(({ rate_ms }) => rate_ms ?? []);
    return new URLSearchParams({
      symbols: all ? ALL : [...names].join(),
      channels: channels.join() || "status",
      ...(rates.length > 0 && { rate_ms: String(Math.min(...rates)) }),
    });
  }
}

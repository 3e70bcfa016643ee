/**
 * What the pages want to hear of the one connection, added up.
 *
 * In come demands, each for as long as it is held; out go subscriptions of what anybody demands and
 * ends of subscriptions of what nobody demands any more, at most once a second after the first, so
 * that scrolling through thousands of rows asks for what is looked at in the end. Pure but for the
 * timer, which is an argument.
 *
 * @module
 */

/**
 * @typedef {object} Demand
 * @property {"ticker" | "candle" | "average" | "trade" | "status"} channel
 * @property {readonly string[]} symbols keys, `exchange:symbol`
 * @property {"1m" | "1h" | "1d"} [interval] of candles
 *
 * @typedef {object} Asking what a connection can do
 * @property {(wish: import("./wishes.js").Wish) => void} subscribe
 * @property {(wish: import("./wishes.js").Wish) => void} unsubscribe
 */

/** Between two changes of what is subscribed to, and between two messages in the long run. */
const PAUSE_MS = 1_000;
/** So many messages go without: a connection may say 100 in a minute, pings included. */
const AT_ONCE = 30;
/** At most so often, by channel. */
const RATE_MS = { ticker: 100, candle: 250, average: 250, trade: undefined, status: undefined };

/** All that is demanded. */
export class Demands {
  #connection;
  #later;
  #now;
  /** @type {Set<Demand>} */
  #held = new Set();
  /** What is subscribed to: keys by channel and interval. @type {Map<string, Set<string>>} */
  #asked = new Map();
  #waits = false;
  #resting = false;
  /** The ms that what was said takes in the long run, at `#at`. */
  #owed = 0;
  #at = 0;

  /**
   * @param {Asking} connection
   * @param {(action: () => void, ms: number) => void} later
   * @param {() => number} [now] ms
   */
  constructor(connection, later, now = () => performance.now()) {
    this.#connection = connection;
    this.#later = later;
    this.#now = now;
  }

  /**
   * Want something until what is returned is called.
   *
   * @param {Demand} demand
   * @returns {() => void}
   */
  hold(demand) {
    this.#held.add(demand);
    this.#change();
    return () => {
      if (this.#held.delete(demand)) this.#change();
    };
  }

  #change() {
    if (this.#waits) return;
    this.#waits = true;
    // What one turn of the page demands and gives up is one change.
    if (!this.#resting) this.#later(() => this.#settle(), 0);
  }

  #settle() {
    this.#waits = false;
    const now = this.#now();
    this.#owed = Math.max(0, this.#owed + this.#at - now) + this.#ask() * PAUSE_MS;
    this.#at = now;
    this.#resting = true;
    this.#later(
      () => {
        this.#resting = false;
        if (this.#waits) this.#settle();
      },
      Math.max(PAUSE_MS, this.#owed - AT_ONCE * PAUSE_MS),
    );
  }

  /** Return how many messages it took. */
  #ask() {
    let messages = 0;
    /** @type {Map<string, Set<string>>} */
    const wanted = new Map();
    for (const { channel, interval, symbols } of this.#held) {
      const name = interval === undefined ? channel : `${channel} ${interval}`;
      const all = wanted.get(name) ?? new Set();
      for (const symbol of symbols) all.add(symbol);
      wanted.set(name, all);
    }
    // First what ends: a connection may be told so many symbols at once. It ends in all intervals.
    for (const [name, keys] of this.#asked) {
      const gone = [...keys].filter((key) => !wanted.get(name)?.has(key));
      if (gone.length === 0) continue;
      const { channel } = wishOf(name);
      this.#connection.unsubscribe({ channel, symbols: gone });
      messages += 1;
      for (const [other, held] of this.#asked) {
        if (wishOf(other).channel === channel) for (const key of gone) held.delete(key);
      }
    }
    for (const [name, keys] of wanted) {
      const come = [...keys].filter((key) => !this.#asked.get(name)?.has(key));
      if (come.length === 0) continue;
      this.#connection.subscribe({ ...wishOf(name), symbols: come });
      messages += 1;
    }
    this.#asked = wanted;
    return messages;
  }
}

/** @param {string} name @returns {import("./wishes.js").Wish & {channel: string}} */
function wishOf(name) {
  const [channel = "", interval] = name.split(" ");
  const rate_ms = RATE_MS[/** @type {keyof typeof RATE_MS} */ (channel)];
  return {
    channel,
    ...(interval !== undefined && { interval: /** @type {"1m"} */ (interval) }),
    ...(rate_ms !== undefined && { rate_ms }),
  };
}

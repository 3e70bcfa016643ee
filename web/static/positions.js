/**
 * How far a page has come in the streams of trades, so that it can go on from there.
 *
 * In come frames, in order, whichever way they came; out goes what `subscribe` takes as `resume`,
 * whether a trade is news, and whether others before it never came. Conflated channels have nothing
 * to go on from: their newest value is all there is. It holds two positions for each exchange and
 * one for each symbol.
 *
 * @module
 */

/**
 * @typedef {readonly [epoch: number, seq: number]
 *   | readonly [epoch: number, seq: number, index: number]} Position
 */

/**
 * @param {any} trade a `TradePayload`, hopefully
 * @returns {Position | null} null where it has none: what is not stored cannot be gone on from
 */
function positionOf(trade) {
  const { epoch, seq, index } = trade ?? {};
  const known = [epoch, seq, index].every((each) => Number.isSafeInteger(each));
  return known ? [epoch, seq, index] : null;
}

/**
 * True when `position` lies at or before `reached`. A position without an index is the end of its
 * batch; another epoch is another stream.
 *
 * @param {Position} position
 * @param {Position | undefined} reached
 */
function isBehind([epoch, seq, index = Infinity], reached) {
  if (reached === undefined || epoch !== reached[0]) return false;
  return seq < reached[1] || (seq === reached[1] && index <= (reached[2] ?? Infinity));
}

/** Where a page is. */
export class Positions {
  /** @type {Map<string, Position>} */
  #reached = new Map();
  /**
   * Up to where nothing is missing: of each exchange by what it answered, of each `exchange:symbol`
   * by its last trade. Whichever is further counts.
   *
   * @type {Map<string, Position>}
   */
  #whole = new Map();
  /** Where the streams are, once the snapshot that is awaited has come. @type {any} */
  #here = null;

  /** What to resume by; null where nothing was heard. @returns {Record<string, Position> | null} */
  resume() {
    return this.#reached.size === 0 ? null : Object.fromEntries(this.#reached);
  }

  /**
   * The same as the id of an event of `/sse`, `binance=5-120-4,coinbase=6-7`. The id that came last
   * would say where the server was by then, not what the page has taken.
   *
   * @returns {string | null}
   */
  eventId() {
    const places = [...this.#reached].map(([exchange, place]) => `${exchange}=${place.join("-")}`);
    return places.join() || null;
  }

  /** Go on from nowhere: what comes next is the present state. */
  forget() {
    this.#reached.clear();
    this.#whole.clear();
  }

  /**
   * Take the answer to a subscription to trades.
   *
   * @param {any} answer a `Subscribed`, hopefully
   * @param {boolean} again it was subscribed to before, on a connection that was lost
   */
  subscribed(answer, again) {
    this.#here = null;
    if (answer?.recovered === true) return; // what was missed comes now, and moves it on
    if (again) this.#here = answer?.resume;
    else this.#arrive(answer?.resume);
  }

  /**
   * Take trades that have come, and return those that are news: the snapshot that follows a lost
   * connection has some that came before.
   *
   * @param {readonly any[]} trades
   * @param {boolean} snapshot
   * @returns {readonly any[]}
   */
  news(trades, snapshot) {
    const before = snapshot && this.#here !== null ? new Map(this.#reached) : null;
    const news = trades.filter((trade) => {
      const position = positionOf(trade);
      if (position === null) return true;
      if (!isBehind(position, this.#reached.get(trade.exchange))) {
        this.#reached.set(trade.exchange, position);
      }
      return before === null || !isBehind(position, before.get(trade.exchange));
    });
    if (before !== null) {
      this.#arrive(this.#here);
      this.#here = null;
    }
    return news;
  }

  /**
   * Take a live trade; return true when others of its symbol should have come before it: `prev_seq`
   * names a batch that never did, or the exchange's journal was begun anew. Of what an exchange's
   * symbols missed together only the first that shows it is told.
   *
   * @param {any} trade a `TradePayload`, hopefully
   */
  lacks(trade) {
    const position = positionOf(trade);
    if (position === null) return false;
    const { exchange, symbol, epoch, prev_seq } = trade;
    const name = `${exchange}:${symbol}`;
    const whole = this.#whole;
    const lacks = [whole.get(exchange) ?? position, whole.get(name)].every(
      (place) => !isBehind([epoch, prev_seq ?? 0, 0], place),
    );
    if (lacks || !whole.has(exchange)) whole.set(exchange, position);
    whole.set(name, position);
    return lacks;
  }

  /** @param {any} here `[epoch, seq]` by exchange, hopefully */
  #arrive(here) {
    for (const [exchange, place] of Object.entries(here ?? {})) {
      const known = Array.isArray(place) && place.every((each) => Number.isSafeInteger(each));
      if (!known) continue;
      for (const places of [this.#reached, this.#whole]) places.set(exchange, [place[0], place[1]]);
    }
  }
}

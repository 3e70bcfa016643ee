import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrame } from "../../web/static/frames.js";
import { EMPTY, reduce } from "../../web/static/store.js";

/** @typedef {import("../../web/static/store.js").State} State */
/** @typedef {import("../../web/static/store.js").Change} Change */

const KEY = "coinbase:BTC-USD";
const TICKER = {
  symbol: "BTC-USD",
  exchange: "coinbase",
  price: 61837.63,
  ts: 1723125789123,
  change_24h_pct: -1.25,
  hour_start: "2024-08-08T14:00:00Z",
  hour_avg: 61800.123456789012,
  hour_count: 7,
  age_ms: 2000,
  stale: false,
};
const CANDLE = {
  symbol: "BTC-USD",
  exchange: "coinbase",
  interval: "1h",
  t: "2024-08-08T14:00:00Z",
  o: 1,
  h: 2,
  l: 1,
  c: 2,
  v: 1,
  n: 3,
  closed: false,
  revision: 3,
};
const STATUS = {
  version: "0.1.0",
  simulated: true,
  symbols: [
    { exchange: "coinbase", symbol: "ETH-USD" },
    { exchange: "coinbase", symbol: "BTC-USD" },
  ],
  feeds: [{ exchange: "coinbase", state: "connected", symbols: [] }],
};

/** @param {string} type @param {any} payload @returns {Change} */
const heard = (type, payload, at = 5000) => ({
  type: "frame",
  frame: { type, payload, timestamp: null },
  at,
});
/** @param {any} status @param {number} [at] @returns {Change} */
const answered = (status, at = 5000) => ({ type: "status", status, at });
/** @param {Change[]} changes @returns {State} */
const after = (...changes) => changes.reduce(reduce, EMPTY);
/** @param {string} state of the one who writes to the database @param {number} at */
const looked = (state, at, uptime_s = 60) =>
  answered({ ...STATUS, processes: [{ name: "persister", state, uptime_s }] }, at);
/** @param {State} state */
const cardOf = (state, key = KEY) => {
  const card = state.cards[key];
  assert.ok(card);
  return card;
};
/** @param {State} state */
const chartOf = (state, key = KEY) => {
  const chart = state.charts[key];
  assert.ok(chart);
  return chart;
};

test("text that is no frame is none", () => {
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    "7",
    '{"payload":{}}',
    '{"type":1}',
    new ArrayBuffer(3),
  ]) {
    assert.equal(readFrame(text), null);
  }
  assert.deepEqual(readFrame('{"type":"PONG"}'), { type: "pong", payload: {}, timestamp: null });
});

test("the status gives every configured symbol its card, in that order", () => {
  const state = after(heard("price_update", TICKER), answered(STATUS));
  assert.deepEqual(state.order, ["coinbase:ETH-USD", KEY]);
  assert.equal(state.simulated, true);
  assert.equal(state.version, "0.1.0");
  assert.equal(cardOf(state, "coinbase:ETH-USD").price, null);
  assert.equal(cardOf(state).price, 61837.63);
});

test("a ticker becomes a card whose age is the server's", () => {
  const card = cardOf(after(heard("price_update", TICKER, 5000)));
  assert.equal(card.price, 61837.63);
  assert.equal(card.bornAt, 3000);
  assert.equal(card.ts, 1723125789123);
  assert.equal(card.quote, "USD");
  assert.equal(card.decimals, 2);
  assert.equal(card.hourStart, Date.UTC(2024, 7, 8, 14));
  assert.equal(card.hourCount, 7);
  assert.equal(card.changePercent, -1.25);
});

test("a changed price remembers the one before it; an equal one moves nothing", () => {
  const one = after(
    heard("price_update", TICKER),
    heard("price_update", { ...TICKER, price: 61838 }),
  );
  assert.equal(cardOf(one).previous, 61837.63);
  assert.equal(cardOf(one).moves, 1);
  assert.equal(cardOf(one).decimals, 2);
  const two = reduce(one, heard("batch_update", { updates: [{ ...TICKER, price: 61838 }] }));
  assert.equal(cardOf(two).previous, 61837.63);
  assert.equal(cardOf(two).moves, 1);
});

test("a price has the decimals that any of its tickers or candles has had, never fewer", () => {
  const ticker = { ...TICKER, price: 1.869 };
  const stored = { ...CANDLE, o: 1.87, h: 1.8712, l: 1.86, c: 1.87 };
  const loaded = reduce(after(heard("price_update", ticker)), {
    type: "candles_loaded",
    key: KEY,
    candles: [stored],
  });
  assert.equal(cardOf(loaded).decimals, 4);
  assert.equal(cardOf(reduce(loaded, heard("price_update", ticker))).decimals, 4);
  const live = heard("candle_update", { ...CANDLE, l: 0.12345 });
  assert.equal(cardOf(reduce(loaded, live)).decimals, 5);
  assert.equal(cardOf(after(live)).decimals, 5);
  const ranged = heard("price_update", { ...ticker, high_24h: 1.9, low_24h: 1.8001 });
  assert.equal(cardOf(after(ranged)).decimals, 4);
});

test("a price has the decimals of its market from the first look on, and those of other prices", () => {
  const symbols = [{ exchange: "coinbase", symbol: "BTC-USD", decimals: 6 }];
  const listed = after(answered({ ...STATUS, symbols }));
  assert.equal(cardOf(listed).decimals, 6);
  const unknown = [{ exchange: "coinbase", symbol: "BTC-USD", decimals: null }];
  assert.equal(cardOf(reduce(listed, answered({ ...STATUS, symbols: unknown }))).decimals, 6);
  const seen = after(answered(STATUS), { type: "prices", key: KEY, prices: [0.5, 0.5049, null, "x"] });
  assert.equal(cardOf(seen).decimals, 4);
  assert.equal(after({ type: "prices", key: "nobody:X-Y", prices: [1.23456] }), EMPTY);
});

test("an hour whose first trades are missing is partial until one is whole", () => {
  const state = after(heard("price_update", { ...TICKER, partial: true }));
  assert.equal(cardOf(state).partial, true);
  assert.equal(
    cardOf(reduce(state, heard("price_update", { ...TICKER, partial: false }))).partial,
    false,
  );
  assert.equal(cardOf(reduce(state, heard("price_update", TICKER))).partial, false);
});

test("the database is away from the first look that finds it so until one finds it back", () => {
  const away = after(looked("ready", 1000), looked("waiting: database", 2000));
  assert.deepEqual(away.database, { since: 2000, seenGo: true });
  const still = reduce(away, looked("waiting: database", 3000));
  assert.equal(still.database, away.database);
  assert.equal(reduce(still, looked("ready", 4000)).database, "present");
});

test("a database that was away at the first look is not known since when", () => {
  const state = after(looked("waiting: database", 2000));
  assert.deepEqual(state.database, { since: 2000, seenGo: false });
});

test("a persister that is starting or says nothing leaves what was known of the database", () => {
  const present = after(looked("ready", 1000));
  for (const change of [
    looked("waiting: database", 2000, 4.9),
    looked("late", 2000),
    answered(STATUS),
    answered({ ...STATUS, processes: [null, { name: "web-1", state: "waiting: database" }] }),
  ]) {
    assert.equal(reduce(present, change).database, "present");
  }
  const away = after(looked("waiting: database", 2000));
  assert.equal(reduce(away, looked("waiting: database", 3000, 1)).database, away.database);
});

test("a status that changes nothing leaves the order the same object", () => {
  const before = after(answered(STATUS));
  assert.equal(reduce(before, answered(STATUS)).order, before.order);
});

test("what one symbol says leaves the others the same objects", () => {
  const before = after(answered(STATUS), heard("price_update", TICKER));
  const next = reduce(before, heard("price_update", { ...TICKER, price: 1 }));
  assert.equal(next.cards["coinbase:ETH-USD"], before.cards["coinbase:ETH-USD"]);
  assert.equal(next.charts[KEY], before.charts[KEY]);
  assert.equal(next.order, before.order);
});

test("a payload without sense changes nothing but the moment", () => {
  const before = after(answered(STATUS), heard("price_update", TICKER));
  for (const change of [
    heard("price_update", {}),
    heard("price_update", { ...TICKER, price: null }),
    heard("price_update", { ...TICKER, price: "61837" }),
    heard("batch_update", { updates: [null, 3, {}] }),
    heard("batch_update", {}),
    heard("candle_update", { ...CANDLE, h: null }),
    heard("candle_update", { ...CANDLE, interval: "1m" }),
    heard("status", { exchange: 7 }),
    heard("brand_new", { a: 1 }),
  ]) {
    assert.deepEqual(reduce(before, change), { ...before, heardAt: 5000 });
  }
});

test("staleness is the ticker's word, and a feed's status does not undo it", () => {
  const feed = {
    exchange: "coinbase",
    state: "connected",
    symbols: [{ symbol: "BTC-USD", state: "live" }],
  };
  const state = after(heard("price_update", { ...TICKER, stale: true }), heard("status", feed));
  assert.equal(cardOf(state).stale, true);
  assert.equal(cardOf(reduce(state, heard("price_update", TICKER))).stale, false);
});

test("a quiet market is quiet until its price moves", () => {
  const feed = {
    exchange: "coinbase",
    state: "connected",
    symbols: [{ symbol: "BTC-USD", state: "quiet" }],
  };
  const state = after(heard("price_update", TICKER), heard("status", feed));
  assert.equal(cardOf(state).quiet, true);
  assert.equal(state.feeds.coinbase?.state, "connected");
  assert.equal(cardOf(reduce(state, heard("price_update", { ...TICKER, price: 1 }))).quiet, false);
});

test("a snapshot may hold tickers, candles or feeds", () => {
  const state = after(
    heard("snapshot", { channel: "ticker", updates: [TICKER] }),
    heard("snapshot", { channel: "candle", updates: [CANDLE] }),
    heard("snapshot", { channel: "status", updates: STATUS.feeds }),
  );
  assert.equal(cardOf(state).price, 61837.63);
  assert.equal(chartOf(state).candles.length, 1);
  assert.equal(state.feeds.coinbase?.state, "connected");
});

test("candles heard before the stored ones arrived are merged into them", () => {
  const stored = [
    { ...CANDLE, t: "2024-08-08T13:00:00Z", closed: true },
    { ...CANDLE, revision: 2, n: 2 },
    "not a candle",
  ];
  const state = after(heard("candle_update", CANDLE), {
    type: "candles_loaded",
    key: KEY,
    candles: stored,
  });
  const chart = chartOf(state);
  assert.deepEqual(
    chart.candles.map(({ revision }) => revision),
    [3, 3],
  );
  assert.equal(chart.load, "ready");
  assert.equal(chart.loaded, 1);
});

test("after a reconnect the server's candles win, those of a former database included", () => {
  const state = after(
    heard("candle_update", { ...CANDLE, revision: 99, n: 99 }),
    { type: "opened" },
    { type: "candles_loaded", key: KEY, candles: [{ ...CANDLE, revision: 5, n: 5 }] },
  );
  assert.equal(chartOf(state).candles[0]?.revision, 5);
});

test("a failed request is said on its chart, and what is drawn stays", () => {
  const drawn = after(heard("candle_update", CANDLE));
  const failed = reduce(drawn, { type: "candles_failed", key: KEY, error: "No." });
  assert.equal(chartOf(failed).error, "No.");
  assert.equal(chartOf(failed).candles, chartOf(drawn).candles);
  const asked = reduce(failed, { type: "candles_loading", key: KEY });
  assert.equal(chartOf(asked).error, null);
});

const MARKET = {
  symbol: "BTC-USD",
  exchange: "coinbase",
  name: "Bitcoin",
  price: 61900,
  timestamp: "2024-08-08T14:03:10Z",
  age_ms: 1000,
  stale: true,
  change_24h_pct: 2,
  high_24h: 62000,
  low_24h: 60000,
  volume_24h: 12.5,
  decimals: 4,
  sparkline: [null, 61000, 61900],
};
/** @param {object[]} rows @returns {Change} */
const tabled = (...rows) => ({ type: "markets_loaded", rows, at: 9000 });

test("the table of all symbols fills the cards of those that nobody listens to", () => {
  const state = after(tabled({ ...MARKET, symbol: "ETH-USD" }, MARKET));
  const card = cardOf(state);
  assert.equal(card.price, 61900);
  assert.equal(card.bornAt, 8000);
  assert.equal(card.stale, true);
  assert.deepEqual([card.changePercent, card.high, card.low, card.volume], [2, 62000, 60000, 12.5]);
  assert.deepEqual([card.rank, card.name, card.decimals], [1, "Bitcoin", 4]);
  assert.deepEqual(card.closes, [null, 61000, 61900]);
  assert.deepEqual(state.markets, { load: "ready", error: null, loaded: 1 });
});

test("a price of the table that is older than the one heard says nothing, a newer one does", () => {
  const heardNow = { ...TICKER, ts: Date.parse("2024-08-08T14:03:11Z"), price: 62000 };
  const newer = cardOf(after(heard("price_update", heardNow), tabled(MARKET)));
  assert.deepEqual([newer.price, newer.stale, newer.moves], [62000, false, 0]);
  const older = cardOf(after(heard("price_update", TICKER), tabled(MARKET)));
  assert.deepEqual([older.price, older.stale, older.moves], [61900, true, 1]);
});

test("a symbol that is not heard of any more becomes stale by the table", () => {
  const fresh = after(tabled({ ...MARKET, stale: false }));
  assert.equal(cardOf(fresh).stale, false);
  assert.equal(cardOf(reduce(fresh, tabled(MARKET))).stale, true);
});

test("a table that cannot be read is said so, and what was known stays", () => {
  const known = after(tabled(MARKET));
  const failed = reduce(known, { type: "markets_failed", error: "No." });
  assert.deepEqual(failed.markets, { load: "failed", error: "No.", loaded: 1 });
  assert.equal(failed.cards, known.cards);
  assert.equal(reduce(failed, tabled(MARKET)).markets.error, null);
});

test("the processes, the disk and a recording are as the last status says", () => {
  const processes = [{ name: "tap", state: "ready" }];
  const disk = { free_bytes: 1, total_bytes: 2, journals: {} };
  const state = after(answered({ ...STATUS, processes, disk, replay: true }));
  assert.deepEqual([state.processes, state.disk, state.replay], [processes, disk, true]);
  const next = after(answered({ ...STATUS, processes, disk, replay: true }), answered(STATUS));
  assert.deepEqual([next.processes, next.disk, next.replay], [processes, disk, false]);
});

test("a status that could not be read is said until one can", () => {
  /** @type {Change} */
  const failed = { type: "status_failed", error: "The server was not reached." };
  assert.equal(after(failed).statusError, "The server was not reached.");
  assert.deepEqual(after(answered(STATUS), failed).order, after(answered(STATUS)).order);
  assert.equal(after(failed, answered(STATUS)).statusError, null);
});

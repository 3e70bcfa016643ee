import assert from "node:assert/strict";
import { test } from "node:test";
import { NAMES_CHARS_MAX, Polled, parts } from "../../web/static/polled.js";

const ROWS = [
  {
    coin_id: "ethereum",
    symbol: "ETH-USDT",
    exchange: "binance",
    price: 2346.1,
    volume: 0.5,
    timestamp: "2025-10-01T14:01:00.000Z",
    change_24h: -1.2,
    change_24h_pct: -0.05,
    high_24h: 2400,
    low_24h: 2300,
    volume_24h: 12.5,
    turnover_24h: null,
    age_ms: 1500,
    stale: true,
  },
  {
    coin_id: "ethereum",
    symbol: "ETH-USD",
    exchange: "coinbase",
    price: null,
    volume: null,
    timestamp: null,
    age_ms: null,
    stale: false,
  },
];

function polled() {
  const made = new Polled();
  made.reload(ROWS);
  return made;
}

test("a ticker is what a stream would have sent, without a place in a stream", () => {
  const made = polled();
  assert.deepEqual(made.ticker("binance:ETH-USDT"), {
    symbol: "ETH-USDT",
    exchange: "binance",
    price: 2346.1,
    ts: Date.parse("2025-10-01T14:01:00.000Z"),
    change_24h: -1.2,
    change_24h_pct: -0.05,
    high_24h: 2400,
    low_24h: 2300,
    volume_24h: 12.5,
    hour_start: null,
    hour_avg: null,
    hour_count: 0,
    partial: false,
    epoch: null,
    seq: null,
    age_ms: 1500,
    stale: true,
  });
  assert.equal(made.ticker("coinbase:ETH-USD"), null);
  assert.equal(made.ticker("kraken:ETH-USD"), null);
});

test("a price that has changed is news, young and not stale; one that has not is no news", () => {
  const made = polled();
  const symbol = "binance:ETH-USDT";
  const same = { symbol, price: 2346.1, volume: 0.5, timestamp: ROWS[0]?.timestamp };
  assert.deepEqual(made.latest([same, { ...same, symbol: "kraken:ETH-USD" }]), []);
  const next = { ...same, price: 2347, timestamp: "2025-10-01T14:01:02.000Z" };
  assert.deepEqual(made.latest([next]), [symbol]);
  assert.deepEqual(made.latest([next]), []);
  const ticker = made.ticker(symbol);
  assert.equal(ticker.price, 2347);
  assert.equal(ticker.stale, false);
  assert.equal(ticker.age_ms, null);
  assert.equal(ticker.high_24h, 2400);
  assert.deepEqual(made.latest(null), []);
});

test("the running hour is part of a ticker once it was asked for", () => {
  const made = polled();
  const points = [
    { t: "2025-10-01T13:00:00Z", avg: 1, n: 1 },
    { t: "2025-10-01T14:00:00Z", avg: 2345.5, n: 3, partial: true },
  ];
  assert.equal(made.average("binance:ETH-USDT"), null);
  made.hour("binance:ETH-USDT", { points });
  made.hour("binance:ETH-USDT", null);
  const { hour_start, hour_avg, hour_count, partial } = made.ticker("binance:ETH-USDT");
  assert.deepEqual([hour_start, hour_avg, hour_count, partial], [points[1]?.t, 2345.5, 3, true]);
  assert.deepEqual(made.average("binance:ETH-USDT"), {
    symbol: "ETH-USDT",
    exchange: "binance",
    hour_start: "2025-10-01T14:00:00Z",
    avg: 2345.5,
    count: 3,
    last_ts: Date.parse("2025-10-01T14:01:00.000Z"),
    partial: true,
    epoch: null,
    seq: null,
  });
});

test("a symbol is found in every usual spelling, and an unknown one is said", () => {
  const made = polled();
  const spellings = ["binance:eth-usdt", "ETHUSDT", "eth/usdt", "ETH", "ethereum"];
  for (const name of spellings) {
    assert.deepEqual(made.find({ symbols: [name] }).keys, ["binance:ETH-USDT"], name);
  }
  assert.deepEqual(made.find({ symbols: ["ETH", "coinbase:ETH-USD", "ETHUSDT", "NOPE"] }), {
    keys: ["binance:ETH-USDT", "coinbase:ETH-USD"],
    unknown: ["NOPE"],
  });
  assert.equal(made.find({}).keys.length, 2);
});

test("a query never names more than it can hold, and leaves none out", () => {
  const names = Array.from({ length: 500 }, (_, i) => `binance:COIN${i}-USDT`);
  const lists = parts(names);
  assert.ok(lists.every((list) => list.length <= NAMES_CHARS_MAX));
  assert.deepEqual(
    lists.flatMap((list) => list.split(",")),
    names,
  );
  assert.deepEqual(parts([]), []);
});

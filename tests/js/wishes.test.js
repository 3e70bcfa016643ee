import assert from "node:assert/strict";
import { test } from "node:test";
import { Wishes } from "../../web/static/wishes.js";

/** @param {import("../../web/static/wishes.js").Wish[]} wished */
function wishes(...wished) {
  const made = new Wishes();
  for (const wish of wished) made.add(wish);
  return made;
}

test("wishes of one channel are asked for together, each symbol once in whatever spelling", () => {
  const made = wishes(
    { symbols: ["ETH-USDT"] },
    { channel: "ticker", symbols: ["eth/usdt", "BTC-USD"], rate_ms: 250 },
    { channel: "candle", symbols: ["BTC-USD"] },
    { channel: "candle", symbols: ["BTC-USD"], interval: "1h" },
  );
  assert.deepEqual(made.messages(null), [
    {
      type: "subscribe",
      payload: { channel: "ticker", symbols: ["eth/usdt", "BTC-USD"], rate_ms: 250 },
    },
    { type: "subscribe", payload: { channel: "candle", symbols: ["BTC-USD"], interval: "1m" } },
    { type: "subscribe", payload: { channel: "candle", symbols: ["BTC-USD"], interval: "1h" } },
  ]);
});

test("trades are resumed, and nothing else is", () => {
  const made = wishes({ symbols: "*" }, { channel: "trade", symbols: ["BTC"] });
  assert.deepEqual(made.messages({ binance: [5, 7, 0] }), [
    { type: "subscribe", payload: { channel: "ticker", symbols: "*" } },
    {
      type: "subscribe",
      payload: { channel: "trade", symbols: ["BTC"], resume: { binance: [5, 7, 0] } },
    },
  ]);
});

test("what is not wanted any more is not asked for again", () => {
  const made = wishes({ symbols: ["BTC", "ETH"] }, { channel: "trade", symbols: "*" });
  made.remove({ symbols: ["btc"] });
  made.remove({ channel: "trade" });
  assert.deepEqual(made.messages(null), [
    { type: "subscribe", payload: { channel: "ticker", symbols: ["ETH"] } },
  ]);
  made.remove({ symbols: ["ETH"] });
  assert.deepEqual(made.list(), []);
});

test("all but one stays all but one, until that one is wanted again", () => {
  const made = wishes({ symbols: "*" });
  made.remove({ symbols: ["ETH-USDT"] });
  assert.deepEqual(made.messages(null), [
    { type: "subscribe", payload: { channel: "ticker", symbols: "*" } },
    { type: "unsubscribe", payload: { channel: "ticker", symbols: ["ETH-USDT"] } },
  ]);
  made.add({ symbols: ["ethusdt"] });
  assert.equal(made.messages(null).length, 1);
});

test("it grows with what is named and not with how often", () => {
  const made = wishes({ symbols: "*" });
  for (let i = 0; i < 1000; i += 1) {
    made.remove({ symbols: ["ETH-USDT"] });
    made.add({ symbols: ["ETH-USDT"], rate_ms: 50 + i });
    made.add({ channel: "trade", symbols: [`BTC${"-".repeat(i % 2)}USD`] });
  }
  assert.equal(JSON.stringify(made.messages(null)).length < 300, true);
});

test("a stream of events is asked for every channel, at the quickest rate", () => {
  const made = wishes(
    { symbols: ["BTC-USD", "ETH"], rate_ms: 500 },
    { channel: "candle", symbols: ["BTC-USD"], interval: "1h", rate_ms: 250 },
  );
  assert.deepEqual(Object.fromEntries(made.query()), {
    symbols: "BTC-USD,ETH",
    channels: "ticker,candle:1h",
    rate_ms: "250",
  });
  made.add({ channel: "status" });
  assert.equal(made.query().get("symbols"), "*");
  assert.deepEqual(Object.fromEntries(wishes().query()), { symbols: "*", channels: "status" });
});

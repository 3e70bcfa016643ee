import assert from "node:assert/strict";
import { test } from "node:test";
import { meant, near } from "../../web/static/spelling.js";

const KEYS = ["binance:ETH-USDT", "coinbase:BTC-USD", "coinbase:ETH-USD", "kraken:BTC-USD"];

test("a symbol is meant in any spelling, and without an exchange the first one", () => {
  assert.equal(meant("coinbase:BTC-USD", KEYS), "coinbase:BTC-USD");
  assert.equal(meant("kraken:btc/usd", KEYS), "kraken:BTC-USD");
  assert.equal(meant("btcusd", KEYS), "coinbase:BTC-USD");
  assert.equal(meant("DOGE-USD", KEYS), undefined);
});

test("those that are spelled most alike come first, and those that are not never", () => {
  assert.equal(near("coinbase:BTC-USDT", KEYS)[0], "coinbase:BTC-USD");
  assert.deepEqual(near("BTC-EUR", KEYS), ["coinbase:BTC-USD", "kraken:BTC-USD"]);
  assert.deepEqual(near("XLM", KEYS), []);
  assert.deepEqual(near("", KEYS), []);
  assert.equal(near("USD", KEYS, 1).length, 1);
});

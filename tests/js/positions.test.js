import assert from "node:assert/strict";
import { test } from "node:test";
import { Positions } from "../../web/static/positions.js";

/** @param {number | null} seq */
const trade = (seq, index = 0, exchange = "binance", epoch = 5) => ({
  exchange,
  epoch,
  seq,
  index,
});

test("a page that heard nothing has nothing to resume by", () => {
  assert.equal(new Positions().resume(), null);
});

test("it resumes after the last trade of each exchange, or from where it began to listen", () => {
  const positions = new Positions();
  positions.subscribed({ resume: { binance: [5, 10], coinbase: [6, 20] }, recovered: null }, false);
  positions.news([trade(10), trade(11, 0), trade(11, 1)], true);
  assert.deepEqual(positions.resume(), { binance: [5, 11, 1], coinbase: [6, 20] });
  positions.news([trade(12)], false);
  assert.deepEqual(positions.resume(), { binance: [5, 12, 0], coinbase: [6, 20] });
  assert.equal(positions.eventId(), "binance=5-12-0,coinbase=6-20");
  positions.forget();
  assert.equal(positions.resume(), null);
  assert.equal(positions.eventId(), null);
});

test("a trade that cannot be stored is news and no place to resume from", () => {
  const positions = new Positions();
  positions.news([trade(3)], false);
  assert.equal(positions.news([trade(null)], false).length, 1);
  assert.deepEqual(positions.resume(), { binance: [5, 3, 0] });
});

test("of the snapshot after a loss that was not recovered only what is new is news", () => {
  const positions = new Positions();
  positions.subscribed({ resume: { binance: [5, 10] }, recovered: null }, false);
  positions.news([trade(11, 0), trade(11, 1)], false);
  positions.subscribed({ resume: { binance: [5, 99], kraken: [8, 4] }, recovered: false }, true);
  const snapshot = [trade(11, 1), trade(98), trade(97), trade(99)];
  assert.deepEqual(positions.news(snapshot, true), snapshot.slice(1));
  assert.deepEqual(positions.resume(), { binance: [5, 99], kraken: [8, 4] });
});

test("the snapshot of another symbol is news, although the exchange has gone on since", () => {
  const positions = new Positions();
  positions.news([trade(50)], false);
  positions.subscribed({ resume: { binance: [5, 50] }, recovered: null }, false);
  assert.equal(positions.news([trade(7)], true).length, 1);
  assert.deepEqual(positions.resume(), { binance: [5, 50] });
});

test("what is replayed moves it on, so that a second loss on the way loses nothing", () => {
  const positions = new Positions();
  positions.news([trade(11)], false);
  positions.subscribed({ resume: { binance: [5, 99] }, recovered: true }, true);
  assert.deepEqual(positions.resume(), { binance: [5, 11, 0] });
  assert.equal(positions.news([trade(12)], false).length, 1);
  assert.deepEqual(positions.resume(), { binance: [5, 12, 0] });
});

test("another epoch is another stream", () => {
  const positions = new Positions();
  positions.news([trade(50)], false);
  assert.equal(positions.news([trade(2, 0, "binance", 6)], false).length, 1);
  assert.deepEqual(positions.resume(), { binance: [6, 2, 0] });
});

/** @param {number} seq @param {number | null} prev_seq */
const after = (seq, prev_seq, symbol = "ETH-USDT", epoch = 5) => ({
  ...trade(seq, 0, "binance", epoch),
  symbol,
  prev_seq,
});

test("a trade whose batch before never came shows a hole, once", () => {
  const positions = new Positions();
  positions.subscribed({ resume: { binance: [5, 10] }, recovered: null }, false);
  assert.equal(positions.lacks(after(12, 9)), false);
  assert.equal(positions.lacks({ ...after(12, 9), index: 1 }), false);
  assert.equal(positions.lacks(after(14, 12)), false);
  assert.equal(positions.lacks(after(19, 17)), true);
  assert.equal(positions.lacks(after(20, 19)), false);
});

test("a hole of several symbols is one, and each symbol's next one another", () => {
  const positions = new Positions();
  positions.subscribed({ resume: { binance: [5, 10] }, recovered: null }, false);
  for (const symbol of ["ETH-USDT", "ETH-BTC"]) positions.lacks(after(11, 1, symbol));
  assert.equal(positions.lacks(after(30, 20, "ETH-USDT")), true);
  assert.equal(positions.lacks(after(31, 21, "ETH-BTC")), false);
  assert.equal(positions.lacks(after(35, 33, "ETH-BTC")), true);
});

test("a symbol that is heard for the first time lacks only what came since it was asked for", () => {
  const positions = new Positions();
  assert.equal(positions.lacks(after(5, 3)), false);
  assert.equal(positions.lacks(after(6, null, "ETH-USDC")), false);
  assert.equal(positions.lacks(after(7, 4, "ETH-BTC")), false);
  positions.subscribed({ resume: { binance: [5, 50] }, recovered: null }, false);
  assert.equal(positions.lacks(after(51, 49, "BTC-USDT")), false);
  assert.equal(positions.lacks(after(53, 52, "SOL-USDT")), true);
});

test("after a loss what is replayed follows, and so does what comes after a snapshot", () => {
  const positions = new Positions();
  positions.subscribed({ resume: { binance: [5, 10] }, recovered: null }, false);
  positions.lacks(after(11, 9));
  positions.subscribed({ resume: { binance: [5, 20] }, recovered: true }, true);
  assert.equal(positions.lacks(after(15, 11)), false);
  positions.subscribed({ resume: { binance: [5, 90] }, recovered: false }, true);
  positions.news([after(80, 70)], true);
  assert.equal(positions.lacks(after(91, 88)), false);
  positions.forget();
  assert.equal(positions.lacks(after(200, 190)), false);
});

test("another epoch is a hole, and what cannot be stored shows none", () => {
  const positions = new Positions();
  positions.lacks(after(50, 49));
  assert.equal(positions.lacks({ ...after(51, 50), seq: null }), false);
  assert.equal(positions.lacks(after(2, 1, "ETH-USDT", 6)), true);
  assert.equal(positions.lacks(after(3, 2, "ETH-USDT", 6)), false);
});

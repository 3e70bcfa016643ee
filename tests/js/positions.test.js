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

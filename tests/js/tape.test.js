import assert from "node:assert/strict";
import { test } from "node:test";
import { TRADES_MAX, newer, withTrades } from "../../web/static/tape.js";

/** @param {number} id @param {Record<string, unknown>} [more] */
const trade = (id, more) => ({ trade_id: id, ts: 1000 + id, price: 10, size: 1, side: "buy", ...more });
/** @param {readonly import("../../web/static/tape.js").Trade[]} tape */
const ids = (tape) => tape.map(({ id }) => id);

test("trades stand newest first, each once, in whatever order they come", () => {
  const tape = withTrades([], [trade(2), trade(1), trade(3), trade(2)]);
  assert.deepEqual(ids(tape), [3, 2, 1]);
  assert.equal(withTrades(tape, [trade(1), trade(3)]), tape);
  assert.deepEqual(ids(withTrades(tape, [trade(5), trade(4)])), [5, 4, 3, 2, 1]);
});

test("those of one moment stand by their ids, and a late one in its place", () => {
  const same = [trade(7, { ts: 1 }), trade(8, { ts: 1 })];
  assert.deepEqual(ids(withTrades([], same)), [8, 7]);
  assert.deepEqual(ids(withTrades(withTrades([], [trade(1), trade(9)]), [trade(5)])), [9, 5, 1]);
});

test("an arrow says how a price differs from that of the trade before, also when that comes late", () => {
  const tape = withTrades([], [trade(1), trade(3, { price: 11 }), trade(4, { price: 11 })]);
  assert.deepEqual(
    tape.map(({ arrow }) => arrow),
    ["", "▲", ""],
  );
  const more = withTrades(tape, [trade(2, { price: 12 })]);
  assert.deepEqual(
    more.map(({ arrow }) => arrow),
    ["", "▼", "▲", ""],
  );
  assert.equal(more[0], tape[0], "what has not changed is the same");
});

test("rows of the REST route are read as those of the stream", () => {
  const [read] = withTrades([], [{ t: "2026-11-20T14:00:00.123456Z", trade_id: 1, price: 2, size: null, side: null }]);
  assert.deepEqual(read, { id: 1, ts: Date.parse("2026-11-20T14:00:00.123Z"), price: 2, size: null, side: null, arrow: "" });
});

test("no more than some are kept, and nonsense is not", () => {
  const many = Array.from({ length: TRADES_MAX + 5 }, (_, id) => trade(id));
  const tape = withTrades([], [...many, null, { price: "x" }, trade(1, { ts: null, trade_id: 999 })]);
  assert.equal(tape.length, TRADES_MAX);
  assert.equal(tape[0]?.id, TRADES_MAX + 4);
});

test("what is newer than all that was shown is counted", () => {
  const before = withTrades([], [trade(1), trade(2)]);
  assert.equal(newer(before, before), 0);
  assert.equal(newer(withTrades(before, [trade(3), trade(4)]), before), 2);
  assert.equal(newer(before, []), 2);
});

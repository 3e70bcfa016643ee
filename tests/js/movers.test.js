import assert from "node:assert/strict";
import { test } from "node:test";
import { newCard } from "../../web/static/cards.js";
import { moversOf } from "../../web/static/movers.js";

/** @param {Record<string, number | null>} changes */
const cards = (changes) =>
  Object.entries(changes).map(([key, changePercent]) => ({ ...newCard(key), changePercent }));
/** @param {import("../../web/static/cards.js").Card[]} found */
const keys = (found) => found.map(({ key }) => key);

test("those that moved most are first, and nobody is in both lists", () => {
  const { known, gainers, losers } = moversOf(
    cards({ "a:A-USD": 1, "a:B-USD": -2, "a:C-USD": 3, "a:D-USD": 0, "a:E-USD": -1 }),
    5,
  );
  assert.equal(known, 5);
  assert.deepEqual(keys(gainers), ["a:C-USD", "a:A-USD"]);
  assert.deepEqual(keys(losers), ["a:B-USD", "a:E-USD"]);
});

test("no more are listed than asked for", () => {
  const { gainers } = moversOf(cards({ "a:A-USD": 1, "a:B-USD": 2, "a:C-USD": 3 }), 2);
  assert.deepEqual(keys(gainers), ["a:C-USD", "a:B-USD"]);
});

test("a change that is not known is neither a rise nor a fall", () => {
  const { known, gainers, losers } = moversOf(cards({ "a:A-USD": null }), 5);
  assert.deepEqual([known, gainers, losers], [0, [], []]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { newCard } from "../../web/static/cards.js";
import {
  COLUMNS,
  MOST_TRADED,
  between,
  choiceOf,
  filtered,
  nearest,
  ordered,
  pressed,
  queryOf,
} from "../../web/static/table.js";

/** @param {string} key @param {object} [known] */
const card = (key, known = {}) => ({ ...newCard(key), ...known });
/** @param {readonly import("../../web/static/cards.js").Card[]} found */
const keys = (found) => found.map(({ key }) => key);
const BITCOIN = card("coinbase:BTC-USD", { name: "Bitcoin", price: 77000, rank: 0 });
const ETHER = card("binance:ETH-USDT", { name: "Ethereum", price: 2900, rank: 1 });
const OTHER = card("binance:BTC-USDT", { name: "Bitcoin", price: 77001 });
const ALL = [ETHER, OTHER, BITCOIN];

test("every column sorts both ways, and what is not known stays last", () => {
  /** @type {Record<string, unknown>} */
  const fields = { change: "changePercent", average: "hourAverage", updated: "bornAt" };
  for (const { name } of COLUMNS) {
    const field = /** @type {string} */ (fields[name] ?? name);
    if (name === "volume" || name === "symbol" || name === "exchange") continue;
    const three = [1, null, 2].map((value, at) => card(`a:${at}-USD`, { [field]: value }));
    const rising = keys(ordered(three, { by: name, falling: false }));
    const falling = keys(ordered(three, { by: name, falling: true }));
    assert.deepEqual(rising, ["a:0-USD", "a:2-USD", "a:1-USD"], name);
    assert.deepEqual(falling, ["a:2-USD", "a:0-USD", "a:1-USD"], name);
  }
});

test("names sort as text, equals by symbol and exchange", () => {
  const bySymbol = ordered(ALL, { by: "symbol", falling: false });
  assert.deepEqual(keys(bySymbol), [BITCOIN.key, OTHER.key, ETHER.key]);
  const byExchange = ordered(ALL, { by: "exchange", falling: true });
  assert.deepEqual(keys(byExchange), [BITCOIN.key, OTHER.key, ETHER.key]);
});

test("the most traded are first at first, as the server ranks them", () => {
  assert.deepEqual(keys(ordered(ALL, MOST_TRADED)), [BITCOIN.key, ETHER.key, OTHER.key]);
});

test("a head that is pressed again turns the order round", () => {
  const once = pressed(MOST_TRADED, "price");
  assert.deepEqual(once, { by: "price", falling: true });
  assert.deepEqual(pressed(once, "price"), { by: "price", falling: false });
  assert.deepEqual(pressed(once, "symbol"), { by: "symbol", falling: false });
});

test("an address says what is chosen, and nothing of what is there at first", () => {
  /** @typedef {import("../../web/static/table.js").Choice} Choice */
  const first = { text: "", exchange: "", order: MOST_TRADED };
  assert.equal(queryOf(first), "");
  assert.deepEqual(choiceOf(""), first);
  /** @type {Choice} */
  const chosen = { text: "btc & so", exchange: "kraken", order: { by: "change", falling: false } };
  assert.equal(queryOf(chosen), "?q=btc+%26+so&exchange=kraken&sort=change");
  assert.equal(queryOf({ ...first, order: { by: "price", falling: true } }), "?sort=-price");
  assert.equal(queryOf({ ...first, order: { by: "volume", falling: false } }), "?sort=volume");
  assert.deepEqual(choiceOf(queryOf(chosen)), chosen);
});

test("what an address says wrongly is as it is at first", () => {
  for (const sort of ["", "-", "--price", "nothing", "-constructor", "Price"]) {
    assert.deepEqual(choiceOf(`?sort=${sort}&other=1`).order, MOST_TRADED, sort);
  }
});

test("a text is found in any spelling of a symbol, its exchange and its name", () => {
  for (const text of ["btc/usd", "BTCUSD", " bitcoin", "btc-usd"]) {
    assert.deepEqual(keys(filtered(ALL, text, "")), [OTHER.key, BITCOIN.key], text);
  }
  assert.deepEqual(keys(filtered(ALL, "coinbase", "")), [BITCOIN.key]);
  assert.deepEqual(keys(filtered(ALL, "btc", "binance")), [OTHER.key]);
  assert.deepEqual(filtered(ALL, "nothing", ""), []);
  assert.equal(filtered(ALL, " ", ""), ALL);
});

test("the rows between two heights are those that are at least partly there", () => {
  assert.deepEqual(between(-100, 400, 40, 1000), { first: 0, last: 10 });
  assert.deepEqual(between(39, 81, 40, 1000), { first: 0, last: 3 });
  assert.deepEqual(between(40, 80, 40, 1000), { first: 1, last: 2 });
  assert.deepEqual(between(4000, 4400, 40, 1000, 5), { first: 95, last: 115 });
  assert.deepEqual(between(39_900, 40_400, 40, 1000, 5), { first: 992, last: 1000 });
  assert.deepEqual(between(-900, -500, 40, 1000), { first: 0, last: 0 });
  assert.deepEqual(between(0, 400, 40, 0), { first: 0, last: 0 });
});

test("no more rows are listened to than may be, those in the middle first", () => {
  assert.deepEqual(nearest({ first: 10, last: 20 }, 1000, 3, 50), { first: 7, last: 23 });
  assert.deepEqual(nearest({ first: 0, last: 80 }, 1000, 0, 50), { first: 15, last: 65 });
  assert.deepEqual(nearest({ first: 990, last: 1000 }, 1000, 3, 50), { first: 987, last: 1000 });
});

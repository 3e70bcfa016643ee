import assert from "node:assert/strict";
import { test } from "node:test";
import {
  backendTrouble,
  connectionOf,
  databaseTrouble,
  exchangeState,
  exchangesTrouble,
  marketOf,
  nextTry,
} from "../../web/static/health.js";

/** @typedef {import("../../web/static/messages.js").Feed} Feed */

const PLACE = { locale: "en-GB", timeZone: "UTC" };
const AT = Date.UTC(2026, 10, 20, 12, 3, 11);
const NOW = AT + 90_000;
const REASON = "the name stream.binance.com cannot be resolved";

/** @param {string} exchange @param {Partial<Feed>} [rest] @returns {Feed} */
const up = (exchange, rest) => ({
  exchange,
  state: "connected",
  circuit: "closed",
  since: AT,
  attempt: 0,
  next_try: null,
  reason: null,
  gapless: true,
  journal_ok: true,
  silent: false,
  symbols: [],
  ...rest,
});
/** @param {string} exchange @param {Partial<Feed>} [rest] @returns {Feed} */
const down = (exchange, rest) => up(exchange, { state: "reconnecting", reason: REASON, ...rest });
/** @param {Feed[]} feeds */
const feedsOf = (...feeds) => Object.fromEntries(feeds.map((feed) => [feed.exchange, feed]));
/** @param {Feed[]} feeds */
const trouble = (...feeds) => exchangesTrouble(feedsOf(...feeds), NOW, PLACE);

test("the market is live with one exchange connected whose feed is alive, and not before", () => {
  assert.equal(marketOf({}), "unknown");
  assert.equal(marketOf(feedsOf(down("binance"), up("coinbase"))), "live");
  assert.equal(marketOf(feedsOf(down("binance"), up("coinbase", { silent: true }))), "none");
  assert.equal(marketOf(feedsOf(up("binance", { state: "connecting" }))), "none");
  assert.equal(marketOf(feedsOf(up("binance", { state: "idle" }))), "none");
});

test("nothing is said while every exchange is connected, idle or connecting at first", () => {
  const idle = up("b", { state: "idle", silent: true });
  assert.equal(trouble(up("a"), idle, up("c", { state: "connecting" })), null);
});

test("a lost exchange is said with its reason, since when, and what happens next", () => {
  assert.equal(
    trouble(down("binance"), up("coinbase")),
    `binance cannot be reached since 12:03:11: ${REASON}. Trying again.`,
  );
  assert.equal(
    trouble(down("binance", { state: "disconnected", reason: null })),
    "binance cannot be reached since 12:03:11. Trying again.",
  );
});

test("exchanges that were lost together for one reason share a sentence", () => {
  assert.equal(
    trouble(down("coinbase", { since: AT + 60_000 }), down("binance")),
    `binance and coinbase cannot be reached since 12:03:11: ${REASON}. Trying again.`,
  );
  assert.equal(
    trouble(down("kraken"), down("coinbase", { since: AT + 2000 }), down("binance")),
    `binance, coinbase and kraken cannot be reached since 12:03:11: ${REASON}. Trying again.`,
  );
});

test("exchanges that were lost at other times or for other reasons share no sentence", () => {
  assert.equal(
    trouble(down("coinbase"), down("binance", { since: AT - 3_600_000 })),
    `binance cannot be reached since 11:03:11: ${REASON}. ` +
      `coinbase cannot be reached since 12:03:11: ${REASON}. Trying again.`,
  );
  assert.equal(
    trouble(down("binance"), down("coinbase", { reason: "no sign of life for 8 s" })),
    `binance cannot be reached since 12:03:11: ${REASON}. ` +
      "coinbase cannot be reached since 12:03:11: no sign of life for 8 s. Trying again.",
  );
});

test("feeds without a sign of life are said to be waited for", () => {
  assert.equal(
    trouble(down("binance", { silent: true })),
    "binance: the feed gives no sign of life. Waiting for its restart.",
  );
  assert.equal(
    trouble(up("coinbase", { silent: true }), up("binance", { silent: true })),
    "binance and coinbase: the feed gives no sign of life. Waiting for its restart.",
  );
});

test("a database that is away is said with what still works", () => {
  const away = { since: AT, seenGo: true };
  /** @param {import("../../web/static/store.js").Database} database @param {Feed[]} feeds */
  const said = (database, ...feeds) => databaseTrouble(database, feedsOf(...feeds), NOW, PLACE);
  assert.equal(said("present", up("binance")), null);
  assert.equal(said("unknown", up("binance")), null);
  assert.equal(
    said(away, up("binance")),
    "The database is away since 12:03:11: prices are live and are recorded, " +
      "history is not available.",
  );
  assert.match(said({ ...away, seenGo: false }, up("binance")) ?? "", /since before 12:03:11:/);
  assert.match(
    said(away, up("binance", { journal_ok: false })) ?? "",
    /: prices are live and are not recorded, /,
  );
  assert.match(said(away, up("binance"), down("coinbase")) ?? "", /: what comes is recorded, /);
  assert.match(said(away) ?? "", /: what comes is recorded, /);
});

test("the connection is said with its way, and to be live only with an exchange", () => {
  const feeds = feedsOf(up("binance"));
  /** @typedef {Parameters<typeof connectionOf>[0]} Connection */
  /** @param {Connection["state"]} state @param {Connection["way"]} way */
  const said = (state, way, found = feeds) => connectionOf({ state, way }, found).word;
  assert.equal(said("connected", "websocket"), "live");
  assert.equal(said("connected", "sse"), "live (SSE)");
  assert.equal(said("connected", "polling"), "polling every 2\u202fs");
  assert.equal(said("connected", "websocket", {}), "connected");
  assert.equal(said("connected", "sse", feedsOf(down("binance"))), "connected");
  assert.equal(said("reconnecting", "sse"), "reconnecting");
  assert.equal(said("disconnected", "websocket"), "offline");
  assert.match(connectionOf({ state: "connected", way: "sse" }, feeds).why, /WebSocket/);
  assert.equal(connectionOf({ state: "connected", way: "websocket" }, feeds).why, "");
  const silent = connectionOf({ state: "connected", way: "websocket" }, feeds, true);
  assert.equal(silent.word, "connected");
  assert.match(silent.why, /Nothing comes/);
});

test("the next try is said with its number", () => {
  assert.equal(nextTry({ nextTryAt: NOW + 3200, attempt: 3 }, NOW), "in 4\u202fs (3rd try)");
  assert.equal(nextTry({ nextTryAt: null, attempt: 11 }, NOW), "now (11th try)");
  assert.equal(nextTry({ nextTryAt: NOW - 1, attempt: 0 }, NOW), "now (1st try)");
});

test("a backend that is away is said with the time of what is shown, and whose fault it is", () => {
  assert.equal(
    backendTrouble(true, AT, NOW, PLACE),
    "Backend unreachable, showing values of 12:03:11.",
  );
  assert.equal(
    backendTrouble(false, null, NOW, PLACE),
    "This device is offline. It goes on by itself once there is a network.",
  );
});

test("the state of an exchange is said since when, with its reason where it is away", () => {
  assert.equal(exchangeState(up("binance"), NOW, PLACE), "connected since 12:03:11");
  assert.equal(
    exchangeState(down("binance"), NOW, PLACE),
    `reconnecting since 12:03:11: ${REASON}`,
  );
  assert.match(exchangeState(up("binance", { silent: true }), NOW, PLACE), /no sign of life/);
  assert.equal(exchangeState(up("binance", { state: "idle" }), NOW, PLACE), "not in use");
});

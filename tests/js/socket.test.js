import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "../../web/static/socket.js";
import { SPREAD_MS, Server } from "./server.js";

const WITHIN_MS = 30_000;
/** @type {Server} */
let server;
let url = "";
/** @type {import("../../web/static/socket.js").Connection[]} */
let opened = [];

beforeEach(async () => {
  server = new Server();
  url = await server.start();
  opened = [];
});
afterEach(() => {
  for (const each of opened) each.close();
  server.stop();
});

/**
 * Return a connection and what it tells, in order: `[event, payload]`.
 *
 * @param {readonly import("../../web/static/session.js").Way[]} transports
 * @param {string[]} events
 */
function listening(transports, ...events) {
  const connection = connect(url, { transports });
  opened.push(connection);
  /** @type {[string, any][]} */
  const told = [];
  for (const event of events) {
    connection.on(event, (/** @type {any} */ payload) => told.push([event, payload]));
  }
  return { connection, told };
}

/** Wait until something holds. @param {() => boolean} holds */
async function eventually(holds) {
  const until = Date.now() + WITHIN_MS;
  while (!holds()) {
    assert.ok(Date.now() < until, `not within ${WITHIN_MS} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** @param {[string, any][]} told @param {string} event */
const payloads = (told, event) => told.filter(([name]) => name === event).map(([, one]) => one);

const OPEN_WAYS = /** @type {const} */ (["websocket", "sse"]);
for (const way of OPEN_WAYS) {
  test(`${way}: each update comes by the name of its channel, those of a snapshot too`, async () => {
    const { connection, told } = listening([way], "ticker", "connect", "subscribed");
    connection.subscribe({ channel: "ticker", symbols: ["ETH"] });
    await eventually(() => payloads(told, "ticker").length === 1);
    server.trade(101);
    await eventually(() => payloads(told, "ticker").length === 2);
    assert.deepEqual(told[0], ["connect", { way }]);
    assert.equal(payloads(told, "subscribed")[0].channel, "ticker");
    assert.deepEqual(
      payloads(told, "ticker").map(({ price }) => price),
      [100, 101],
    );
  });

  test(`${way}: a handler that throws keeps nobody from hearing, and is reported`, async (t) => {
    const report = t.mock.method(console, "error", () => {});
    const { connection, told } = listening([way]);
    connection.on("ticker", () => {
      throw new Error("mine");
    });
    connection.on("ticker", (row) => told.push(["ticker", row]));
    connection.subscribe({ symbols: "*" });
    await eventually(() => told.length === 1);
    server.trade(101);
    await eventually(() => told.length === 2);
    assert.equal(report.mock.callCount(), 2);
    assert.equal(server.clients, 1);
  });

  test(`${way}: after a loss it comes back by itself, and asks where it was`, async () => {
    const events = ["trade", "connect", "disconnect", "refetch", "snapshot"];
    const { connection, told } = listening([way], ...events);
    connection.subscribe({ channel: "trade", symbols: "*" });
    await eventually(() => payloads(told, "snapshot").length === 1);
    server.trade(101);
    await eventually(() => payloads(told, "trade").length === 1);
    server.recovered = true;
    server.lose();
    await eventually(() => payloads(told, "connect").length === 2);
    assert.equal(payloads(told, "disconnect").length, 1);
    if (way === "websocket") {
      await eventually(() => server.heard.length === 2);
      assert.deepEqual(server.heard[1].payload.resume, { binance: [5, 1, 0] });
    } else {
      assert.equal(server.asked.at(-1)?.headers["last-event-id"], "binance=5-1-0");
    }
    server.trade(102);
    await eventually(() => payloads(told, "trade").length === 2);
    assert.deepEqual(payloads(told, "refetch"), []);
  });

  test(`${way}: trades that never came are said as soon as the next one shows it`, async () => {
    const { connection, told } = listening([way], "trade", "refetch", "snapshot");
    connection.subscribe({ channel: "trade", symbols: "*" });
    await eventually(() => payloads(told, "snapshot").length === 1);
    server.trade(101);
    server.trade(102);
    server.trade(103, 2);
    server.trade(104);
    await eventually(() => payloads(told, "trade").length === 4);
    assert.deepEqual(
      told.slice(1).map(([event, { price }]) => price ?? event),
      [101, 102, "refetch", 103, 104],
    );
  });

  test(`${way}: what could not be recovered is said, and no trade comes twice`, async () => {
    const { connection, told } = listening([way], "trade", "refetch", "snapshot");
    connection.subscribe({ channel: "trade", symbols: "*" });
    await eventually(() => payloads(told, "snapshot").length === 1);
    server.trade(101);
    await eventually(() => payloads(told, "trade").length === 1);
    server.recovered = false;
    server.lose();
    await eventually(() => payloads(told, "refetch").length === 1);
    assert.deepEqual(payloads(told, "refetch"), [{ channel: "trade" }]);
    server.trade(102);
    await eventually(() => payloads(told, "trade").at(-1)?.price === 102);
    assert.deepEqual(
      payloads(told, "trade").map(({ trade_id }) => trade_id),
      [1, 2],
    );
  });

  test(`${way}: candles are fetched again after a loss, and not before`, async () => {
    const { connection, told } = listening([way], "refetch", "subscribed");
    connection.subscribe({ channel: "candle", symbols: "*" }).subscribe({ channel: "ticker" });
    await eventually(() => payloads(told, "subscribed").length === 2);
    assert.deepEqual(payloads(told, "refetch"), []);
    server.lose();
    await eventually(() => payloads(told, "subscribed").length === 4);
    assert.deepEqual(payloads(told, "refetch"), [{ channel: "candle" }]);
  });

  test(`${way}: a later wish is heard at once, and one that is gone is not asked again`, async () => {
    const { connection, told } = listening([way], "subscribed", "average");
    connection.subscribe({ channel: "ticker" });
    await eventually(() => payloads(told, "subscribed").length === 1);
    assert.equal(connection.emit("subscribe", { channel: "average" }), true);
    await eventually(() => payloads(told, "subscribed").at(-1)?.channel === "average");
    connection.unsubscribe({ channel: "ticker" });
    const before = told.length;
    await eventually(() => server.clients === 1);
    server.lose();
    await eventually(() => told.length > before);
    assert.equal(payloads(told.slice(before), "subscribed").at(-1).channel, "average");
    const last = server.asked.at(-1)?.query.get("channels");
    if (way === "sse") assert.equal(last, "average");
    else assert.deepEqual(server.heard.at(-1).payload, { channel: "average", symbols: "*" });
  });
}

test("a stream of events that the server ended is come back to within what it says", async () => {
  const { connection, told } = listening(["sse"], "ticker", "state");
  connection.subscribe({ symbols: "*" });
  await eventually(() => payloads(told, "ticker").length === 1);
  server.end();
  await eventually(() => payloads(told, "state").at(-1).nextTryAt !== null);
  assert.ok(payloads(told, "state").at(-1).nextTryAt - Date.now() <= SPREAD_MS);
  await eventually(() => payloads(told, "ticker").length === 2);
});

test("no handler hears anything once it is off, and nothing is open once it is closed", async () => {
  const { connection, told } = listening(["websocket"], "ticker");
  connection.subscribe({});
  await eventually(() => told.length === 1);
  connection.off("ticker");
  let more = 0;
  connection.on("price_update", () => (more += 1));
  server.trade(101);
  await eventually(() => more === 1);
  assert.equal(told.length, 1);
  connection.close();
  await eventually(() => server.clients === 0);
  assert.equal(connection.emit("ping"), false);
});

test("what a page says reaches the server on a WebSocket, and is not kept elsewhere", async () => {
  const { connection, told } = listening(["websocket"], "connect", "pong");
  assert.equal(connection.emit("ping"), false);
  await eventually(() => payloads(told, "connect").length === 1);
  assert.equal(connection.emit("ping"), true);
  await eventually(() => payloads(told, "pong").length === 1);
  assert.deepEqual(server.heard, [{ type: "ping", payload: {} }]);
});

test("where upgrades are blocked it comes by events, and says so", async () => {
  server.blocked.add("ws");
  const { connection, told } = listening(["websocket", "sse", "polling"], "ticker", "connect");
  connection.subscribe({ symbols: "*" });
  await eventually(() => payloads(told, "ticker").length === 1);
  assert.deepEqual(payloads(told, "connect"), [{ way: "sse" }]);
  assert.ok(server.count("/ws") >= 2);
  assert.ok(server.count("/health/live") >= 2);
});

test("where nothing stays open it polls: prices, hours, candles and states, and no trades", async () => {
  server.blocked.add("ws").add("sse");
  const events = ["connect", "snapshot", "ticker", "candle", "average", "status", "subscribed"];
  const { connection, told } = listening(["websocket", "sse", "polling"], ...events);
  for (const channel of ["ticker", "candle", "average", "status", "trade"])
    connection.subscribe({ channel, symbols: ["ETH"] });
  await eventually(() => payloads(told, "status").length === 1);
  assert.deepEqual(payloads(told, "connect"), [{ way: "polling" }]);
  assert.equal(payloads(told, "ticker")[0].price, 100);
  const trades = payloads(told, "subscribed").find(({ channel }) => channel === "trade");
  assert.deepEqual(trades.rejected[0].reason, "trades are not polled");
  server.price = 101;
  await eventually(() => payloads(told, "ticker").at(-1).price === 101);
  await eventually(() => payloads(told, "candle").length > 0);
  await eventually(() => payloads(told, "average").length > 0);
  assert.equal(payloads(told, "candle")[0].symbol, "ETH-USDT");
  assert.equal(payloads(told, "average")[0].avg, 99.5);
  const [all, some] = [server.count("/api/prices"), server.count("/api/latest")];
  assert.equal(all, Math.ceil((all + some) / 5));
  const tagged = server.asked.filter(({ headers }) => headers["if-none-match"] !== undefined);
  assert.ok(tagged.every(({ path }) => path === "/api/latest"));
});

test("a server that refuses HTTP too is waited for with the best way", async () => {
  server.blocked.add("ws").add("health");
  const { connection, told } = listening(["websocket", "polling"], "state");
  await eventually(() => server.count("/health/live") === 3);
  assert.ok(payloads(told, "state").every(({ way }) => way === "websocket"));
  assert.equal(server.count("/api/prices"), 0);
  server.blocked.clear();
  connection.retry();
  await eventually(() => payloads(told, "state").at(-1).state === "connected");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Demands } from "../../web/static/demand.js";

/** A connection that keeps what it is told, and time that is moved by hand. */
function made() {
  /** @type {string[]} */
  const said = [];
  /** @type {{at: number, action: () => void}[]} */
  const waiting = [];
  let now = 0;
  const say = (/** @type {string} */ what) => (/** @type {any} */ wish) => {
    const { channel, interval, symbols } = wish;
    said.push(`${what} ${channel}${interval ? ` ${interval}` : ""} ${symbols.join()}`);
  };
  const demands = new Demands(
    { subscribe: say("+"), unsubscribe: say("-") },
    (action, ms) => void waiting.push({ at: now + ms, action }),
    () => now,
  );
  const pass = (/** @type {number} */ ms) => {
    now += ms;
    for (;;) {
      const due = waiting.findIndex(({ at }) => at <= now);
      if (due === -1) return;
      waiting.splice(due, 1)[0]?.action();
    }
  };
  return { demands, pass, said: () => said.splice(0) };
}

test("what is demanded in one turn is asked for together", () => {
  const { demands, pass, said } = made();
  demands.hold({ channel: "ticker", symbols: ["a:X", "a:Y"] });
  demands.hold({ channel: "ticker", symbols: ["a:Y", "a:Z"] });
  demands.hold({ channel: "candle", interval: "1m", symbols: ["a:X"] });
  assert.deepEqual(said(), []);
  pass(0);
  assert.deepEqual(said(), ["+ ticker a:X,a:Y,a:Z", "+ candle 1m a:X"]);
});

test("what nobody demands any more ends, and what somebody still does goes on", () => {
  const { demands, pass, said } = made();
  const release = demands.hold({ channel: "ticker", symbols: ["a:X", "a:Y"] });
  demands.hold({ channel: "ticker", symbols: ["a:Y"] });
  pass(0);
  said();
  pass(5_000);
  release();
  release();
  pass(0);
  assert.deepEqual(said(), ["- ticker a:X"]);
});

test("however fast rows scroll by, the connection is told once a second, and the last of it", () => {
  const { demands, pass, said } = made();
  let release = demands.hold({ channel: "ticker", symbols: ["a:0"] });
  pass(0);
  for (let row = 1; row <= 95; row += 1) {
    release();
    release = demands.hold({ channel: "ticker", symbols: [`a:${row}`] });
    pass(10);
  }
  assert.deepEqual(said(), ["+ ticker a:0"]);
  pass(50);
  assert.deepEqual(said(), ["- ticker a:0", "+ ticker a:95"]);
});

test("a page that is left and come back to in one turn changes nothing", () => {
  const { demands, pass, said } = made();
  const release = demands.hold({ channel: "ticker", symbols: ["a:X"] });
  pass(0);
  pass(5_000);
  said();
  release();
  demands.hold({ channel: "ticker", symbols: ["a:X"] });
  pass(2_000);
  assert.deepEqual(said(), []);
});

test("an interval that ends takes the others along, so they are asked for again", () => {
  const { demands, pass, said } = made();
  const release = demands.hold({ channel: "candle", interval: "1m", symbols: ["a:X", "a:Y"] });
  demands.hold({ channel: "candle", interval: "1h", symbols: ["a:X"] });
  pass(0);
  pass(5_000);
  said();
  release();
  pass(0);
  assert.deepEqual(said(), ["- candle a:X,a:Y", "+ candle 1h a:X"]);
});

test("going from page to page is followed at once, message by message", () => {
  const { demands, pass, said } = made();
  let ends = [demands.hold({ channel: "ticker", symbols: ["a:0"] })];
  pass(0);
  for (let page = 1; page <= 7; page += 1) {
    pass(1_000);
    said();
    ends.forEach((end) => end());
    ends = [
      demands.hold({ channel: "ticker", symbols: [`a:${page}`] }),
      demands.hold({ channel: "candle", interval: "1m", symbols: [`a:${page}`] }),
      demands.hold({ channel: "trade", symbols: [`a:${page}`] }),
    ];
    pass(0);
    assert.ok(said().length >= 4, `page ${page}`);
  }
});

test("a page that scrolls without end stays below what a connection may say in a minute", () => {
  const { demands, pass, said } = made();
  let ends = [() => {}];
  const most = [];
  for (let minute = 0; minute < 3; minute += 1) {
    for (let turn = 0; turn < 600; turn += 1) {
      ends.forEach((end) => end());
      ends = [
        demands.hold({ channel: "ticker", symbols: [`a:${minute}-${turn}`] }),
        demands.hold({ channel: "candle", interval: "1h", symbols: [`a:${minute}-${turn}`] }),
      ];
      pass(100);
    }
    most.push(said().length);
  }
  assert.ok(Math.min(...most) > 50, `${most}`);
  assert.ok(Math.max(...most) < 94, `${most}`);
});

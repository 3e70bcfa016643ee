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
  const demands = new Demands({ subscribe: say("+"), unsubscribe: say("-") }, (action, ms) => {
    waiting.push({ at: now + ms, action });
  });
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

/** What is said, and the timers, which run when they are told to. */
function played() {
  /** @type {[string, readonly string[] | "*" | undefined][]} */
  const said = [];
  /** @type {{action: () => void, ms: number}[]} */
  const timers = [];
  const demands = new Demands(
    {
      subscribe: ({ symbols }) => void said.push(["subscribe", symbols]),
      unsubscribe: ({ symbols }) => void said.push(["unsubscribe", symbols]),
    },
    (action, ms) => void timers.push({ action, ms }),
  );
  return {
    demands,
    said,
    /** Run the next timer; return how long it has waited. */
    next() {
      const timer = timers.shift();
      timer?.action();
      return timer?.ms;
    },
  };
}

test("a page that scrolls without end stays below what a connection may say in a minute", () => {
  const { demands, said, next } = played();
  let ms = 0;
  let end = () => {};
  for (let row = 0; ms < 60_000; row += 1) {
    end();
    const ends = [
      demands.hold({ channel: "ticker", symbols: [`a:${row}-USD`] }),
      demands.hold({ channel: "candle", interval: "1h", symbols: [`a:${row}-USD`] }),
    ];
    end = () => ends.forEach((one) => one());
    ms += next() ?? 0;
  }
  assert.ok(said.length > 50, `${said.length}`);
  assert.ok(said.length < 94, `${said.length}`);
});

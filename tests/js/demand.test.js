import assert from "node:assert/strict";
import { test } from "node:test";
import { Demands } from "../../web/static/demand.js";

const TICKERS = /** @type {const} */ ({ channel: "ticker" });

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

test("what a turn of the page demands is one change, the next one comes a second later", () => {
  const { demands, said, next } = played();
  demands.hold({ ...TICKERS, symbols: ["a:A-USD"] });
  demands.hold({ ...TICKERS, symbols: ["a:B-USD", "a:A-USD"] });
  assert.equal(next(), 0);
  assert.deepEqual(said, [["subscribe", ["a:A-USD", "a:B-USD"]]]);
  demands.hold({ ...TICKERS, symbols: ["a:C-USD"] });
  assert.equal(next(), 1_000);
  assert.deepEqual(said.slice(1), [["subscribe", ["a:C-USD"]]]);
});

test("what was demanded and given up meanwhile is never asked for, what somebody holds stays", () => {
  const { demands, said, next } = played();
  demands.hold({ ...TICKERS, symbols: ["a:A-USD"] });
  const end = demands.hold({ ...TICKERS, symbols: ["a:A-USD", "a:B-USD"] });
  end();
  next();
  assert.deepEqual(said, [["subscribe", ["a:A-USD"]]]);
});

test("a page that scrolls without end stays below what a connection may say in a minute", () => {
  const { demands, said, next } = played();
  let ms = 0;
  let end = () => {};
  for (let row = 0; ms < 60_000; row += 1) {
    end();
    const ends = [
      demands.hold({ ...TICKERS, symbols: [`a:${row}-USD`] }),
      demands.hold({ channel: "candle", interval: "1h", symbols: [`a:${row}-USD`] }),
    ];
    end = () => ends.forEach((one) => one());
    ms += next() ?? 0;
  }
  assert.ok(said.length > 50, `${said.length}`);
  assert.ok(said.length < 94, `${said.length}`);
});

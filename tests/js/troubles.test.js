import assert from "node:assert/strict";
import { test } from "node:test";
import { troublesOf } from "../../web/static/troubles.js";
import { AT, feed, gap, process, quality } from "./installation.js";

const NOW = AT + 90_000;
const WELL = {
  processes: [process("persister"), process("feed-kraken", { state: "idle: not in FEEDS" })],
  feeds: [feed("coinbase"), feed("kraken", { state: "idle" })],
  disk: { free_bytes: 5e11, total_bytes: 1e12, journals: {} },
  quality: [quality("BTC-USD"), quality("X-USD", { state: "quiet", age_ms: 9e6 })],
  gaps: [],
};
/** @param {Partial<import("../../web/static/troubles.js").Known>} rest */
const found = (rest) => troublesOf({ ...WELL, ...rest }, NOW);
/** @param {Partial<import("../../web/static/troubles.js").Known>} rest */
const only = (rest) => {
  const all = found(rest);
  assert.equal(all.length, 1);
  return /** @type {import("../../web/static/troubles.js").Trouble} */ (all[0]);
};

test("nothing is said where all is well, or nothing is known", () => {
  assert.deepEqual(found({}), []);
  assert.deepEqual(found({ disk: null, processes: [], feeds: [], quality: [] }), []);
});

test("a process that is ill is said since when, why, and what to try", () => {
  const { level, what, why, advice, since } = only({
    processes: [process("tap", { state: "backoff", last_error: "Exited too quickly" })],
  });
  assert.deepEqual(
    [level, what, why, since],
    ["bad", "tap: restarting", "Exited too quickly", AT],
  );
  assert.match(advice, /make logs/);
});

test("an exchange that is away is said, and not where its feed says nothing", () => {
  const away = { state: /** @type {const} */ ("reconnecting"), reason: "refused" };
  const { what, why, since } = only({ feeds: [feed("coinbase", away)] });
  assert.deepEqual([what, why, since], ["coinbase cannot be reached", "refused", AT]);
  assert.deepEqual(found({ feeds: [feed("coinbase", { ...away, silent: true })] }), []);
});

test("an exchange that is not connected yet is said", () => {
  const { level, what } = only({ feeds: [feed("coinbase", { state: "connecting" })] });
  assert.deepEqual([level, what], ["warn", "coinbase is being connected to"]);
  assert.deepEqual(found({ feeds: [feed("coinbase", { state: "connecting", silent: true })] }), []);
});

test("trades that cannot be recorded are said", () => {
  assert.match(only({ feeds: [feed("coinbase", { journal_ok: false })] }).what, /cannot be recorded/);
});

test("a disk is nearly full with a twentieth or a gigabyte left", () => {
  const disk = (/** @type {number} */ free_bytes, /** @type {number} */ total_bytes) => ({
    disk: { free_bytes, total_bytes, journals: {} },
  });
  assert.match(only(disk(4e10, 1e12)).what, /nearly full: 40\sGB of 1\.0\sTB free/);
  assert.equal(found(disk(9e8, 1e10)).length, 1);
  assert.deepEqual(found(disk(6e10, 1e12)), []);
});

test("a stale price is said since its last trade, and none of a market that is quiet", () => {
  const { what, since } = only({
    quality: [quality("BTC-USD", { stale: true, state: "stale", age_ms: 41_000 })],
  });
  assert.equal(what, "BTC-USD on coinbase: the price is stale");
  assert.equal(since, NOW - 41_000);
  assert.deepEqual(found({ quality: [quality("A-USD", { stale: true, state: "standby" })] }), []);
});

test("a symbol that is not listed is said with the one that may be meant", () => {
  const rest = { listed: false, stale: true, nearest: "BTC-USD" };
  assert.match(only({ quality: [quality("BTX-USD", rest)] }).advice, /Did you mean BTC-USD/);
  assert.match(only({ quality: [quality("X-USD", { ...rest, nearest: null })] }).advice, /FEEDS/);
});

test("trades are missing once a gap is not filled within a minute", () => {
  const young = gap("ETH-USD", { opened_at: new Date(NOW - 30_000).toISOString() });
  assert.deepEqual(found({ gaps: [young] }), []);
  const { what, why, since } = only({ gaps: [young, gap("BTC-USD"), gap("BTC-USD")] });
  assert.deepEqual([what, why, since], ["6 trades are missing", "gaps of BTC-USD", AT]);
  assert.equal(only({ gaps: [gap("BTC-USD", { ids: 1 })] }).what, "1 trade is missing");
});

test("the worst comes first", () => {
  const levels = found({
    processes: [process("a", { state: "waiting: disk" }), process("b", { state: "fatal" })],
    gaps: [gap("BTC-USD")],
  }).map(({ level }) => level);
  assert.deepEqual(levels, ["bad", "warn", "warn"]);
});

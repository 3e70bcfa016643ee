import assert from "node:assert/strict";
import { test } from "node:test";
import { pipelineOf } from "../../web/static/pipeline.js";
import { AT, feed, process } from "./installation.js";

const NAMES = [
  ...["simulator", "postgres", "persister", "aggregator", "backfiller", "feed-binance"],
  ...["feed-coinbase", "tap", "web-0", "web-1", "web-2", "watchdog"],
];
const ALL = [...NAMES.map((name) => process(name)), process("feed-kraken", { state: "idle: no" })];
const FEEDS = [feed("coinbase"), feed("binance"), feed("kraken", { state: "idle" })];

/** @param {ReturnType<typeof pipelineOf>} pipeline */
const ids = ({ stages }) => stages.map(({ boxes }) => boxes.map(({ id }) => id));
/** @param {ReturnType<typeof pipelineOf>} pipeline */
const lines = (pipeline) => pipeline.lines.map(({ from, to }) => `${from} > ${to}`).sort();

test("every process has its place, from the exchanges to those who are served", () => {
  const pipeline = pipelineOf(ALL, FEEDS, "present");
  assert.deepEqual(ids(pipeline), [
    ["exchange binance", "exchange coinbase"],
    ["feed-binance", "feed-coinbase"],
    ["aggregator", "persister", "backfiller"],
    ["postgres"],
    ["web-1", "web-2", "tap"],
  ]);
  assert.deepEqual(
    pipeline.beside.map(({ id }) => id),
    ["simulator", "web-0", "watchdog"],
  );
  assert.deepEqual(
    pipeline.unused.map(({ id, note }) => [id, note]),
    [["feed-kraken", "no"]],
  );
});

test("the lines say who feeds whom", () => {
  const one = ALL.filter(({ name }) => !["feed-coinbase", "web-2"].includes(name));
  assert.deepEqual(
    lines(pipelineOf(one, [feed("binance")], "present")),
    [
      ...["exchange binance > feed-binance", "feed-binance > aggregator"],
      ...["feed-binance > persister", "feed-binance > backfiller", "feed-binance > tap"],
      ...["aggregator > web-1", "aggregator > tap", "persister > postgres", "postgres > web-1"],
    ].sort(),
  );
});

test("nothing flows from what is ill", () => {
  const late = ALL.map((one) => (one.name === "aggregator" ? { ...one, state: "late" } : one));
  const { lines } = pipelineOf(late, FEEDS, "present");
  assert.ok(lines.some(({ from }) => from === "aggregator"));
  for (const { from, flows } of lines) assert.equal(flows, from !== "aggregator");
});

test("a process that nobody has heard of stands beside the others", () => {
  const { beside } = pipelineOf([process("oracle")], [], "present");
  assert.deepEqual(
    beside.map(({ id }) => id),
    ["oracle"],
  );
});

test("a database that is somebody else's has a box all the same", () => {
  const own = ALL.filter(({ name }) => name !== "postgres");
  /** @param {Parameters<typeof pipelineOf>[2]} database */
  const level = (database) => {
    const [box] = pipelineOf(own, FEEDS, database).stages[3]?.boxes ?? [];
    return [box?.level, box?.since];
  };
  assert.deepEqual(level("present"), ["good", null]);
  assert.deepEqual(level("unknown"), ["warn", null]);
  assert.deepEqual(level({ since: AT, seenGo: true }), ["bad", AT]);
});

test("an exchange is as its connection is, unless its feed says nothing", () => {
  /** @param {Partial<import("../../web/static/messages.js").Feed>} rest */
  const box = (rest) => pipelineOf(ALL, [feed("binance", rest)], "present").stages[0]?.boxes[0];
  assert.equal(box({})?.level, "good");
  assert.equal(box({ state: "reconnecting", reason: "refused" })?.level, "bad");
  assert.equal(box({ state: "reconnecting", reason: "refused" })?.note, "refused");
  assert.deepEqual(
    [box({ silent: true })?.word, box({ silent: true })?.since],
    ["unknown", null],
  );
});

test("a process that is ill says what to try and what was last wrong", () => {
  const { stages } = pipelineOf(
    [process("aggregator", { state: "late", last_error: "too many words" })],
    [],
    "present",
  );
  assert.match(stages[2]?.boxes[0]?.note ?? "", /watchdog.* too many words$/);
});

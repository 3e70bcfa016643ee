import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, judge } from "../../web/static/processes.js";
import { process } from "./installation.js";

test("each state of supervisord's and of a heartbeat has a level, a word, and advice if it is ill", () => {
  for (const state of ["ready", "running", "standby"]) {
    assert.equal(judge(state).level, "good");
    assert.equal(judge(state).advice, "");
  }
  for (const state of ["late", "backoff", "exited", "fatal", "stopped", "who knows"]) {
    assert.equal(judge(state).level, "bad");
    assert.notEqual(judge(state).advice, "");
  }
  for (const state of ["starting", "stopping", "draining", "waiting: database", "waiting: a, b"]) {
    assert.equal(judge(state).level, "warn");
    assert.notEqual(judge(state).advice, "");
  }
});

test("what a process waits for is said, and what to try", () => {
  const { word, advice } = judge("waiting: database");
  assert.equal(word, "waits for database");
  assert.match(advice, /Postgres/);
  assert.match(judge("waiting: disk").advice, /Make room/);
  assert.match(judge("waiting: supervisord does not answer").advice, /Start tickwire/);
});

test("what is not in use is not counted, and not ill", () => {
  assert.deepEqual(judge("idle: not in FEEDS"), {
    level: "unused",
    word: "not in use",
    advice: "not in FEEDS",
  });
  assert.deepEqual(countOf([process("a"), process("b", { state: "idle: not in FEEDS" })]), {
    all: 1,
    well: 1,
    worst: null,
  });
});

test("the worst of those that are ill is named", () => {
  const late = process("late", { state: "late" });
  const waiting = process("waiting", { state: "waiting: disk" });
  const { all, well, worst } = countOf([process("a"), waiting, late]);
  assert.deepEqual([all, well, worst?.name], [3, 1, "late"]);
  assert.equal(countOf([waiting]).worst?.name, "waiting");
});

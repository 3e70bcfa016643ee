import assert from "node:assert/strict";
import { test } from "node:test";
import {
  OPEN_TIMEOUT_MS,
  PONG_TIMEOUT_MS,
  QUIET_MS,
  SLEPT_MS,
  newSession,
  step,
} from "../../web/static/session.js";

/** @typedef {import("../../web/static/session.js").SessionEvent} SessionEvent */
/** @typedef {import("../../web/static/session.js").Action} Action */

const half = () => 0.5;

/**
 * Play events, each at its ms; return the last session and all actions.
 *
 * @param {[number, SessionEvent][]} events
 */
function play(events, session = newSession(0, true)) {
  /** @type {Action[]} */
  const actions = [];
  for (const [at, event] of events) {
    const next = step(session, event, at, half);
    session = next.session;
    actions.push(...next.actions);
  }
  return { session, actions };
}

/** @type {[number, SessionEvent][]} */
const LIVE = [
  [0, { type: "start" }],
  [10, { type: "opened" }],
  [20, { type: "frame", data: true }],
];
/**
 * Ticks that come in time, so that nothing looks like sleep.
 *
 * @param {number} from
 * @param {number} to
 * @returns {[number, SessionEvent][]}
 */
const ticks = (from, to) =>
  Array.from({ length: Math.floor((to - from) / 1000) + 1 }, (_, i) => [
    from + i * 1000,
    { type: "tick" },
  ]);
/** @type {SessionEvent} */
const LOST = { type: "closed", code: 1006, reason: "" };

test("a page that starts is connecting, and subscribes once it is connected", () => {
  assert.equal(play([[0, { type: "start" }]]).session.state, "connecting");
  const { session, actions } = play(LIVE);
  assert.equal(session.state, "connected");
  assert.deepEqual(actions, ["open", "subscribe"]);
});

test("a lost connection counts down, tries again and subscribes again", () => {
  const { session } = play([...LIVE, [1000, LOST]]);
  assert.equal(session.state, "reconnecting");
  assert.equal(session.attempt, 1);
  assert.equal(session.nextTryAt, 1250);
  assert.deepEqual(play([[1200, { type: "tick" }]], session).actions, []);
  const again = play(
    [
      [1250, { type: "tick" }],
      [1300, { type: "tick" }],
      [1310, { type: "opened" }],
    ],
    session,
  );
  assert.deepEqual(again.actions, ["open", "subscribe"]);
  assert.equal(again.session.nextTryAt, null);
});

test("the back-off is forgotten only when data has flowed, not when a socket opened", () => {
  /** @type {[number, SessionEvent][]} */
  const flapping = [
    [1000, LOST],
    [2000, { type: "tick" }],
    [2010, { type: "opened" }],
    [2020, { type: "frame", data: false }],
    [2030, LOST],
  ];
  const { session } = play([...LIVE, ...flapping]);
  assert.equal(session.attempt, 2);
  assert.equal(session.nextTryAt, 2030 + 500);
  const healthy = play(
    [
      [3000, { type: "tick" }],
      [3010, { type: "opened" }],
      [3020, { type: "frame", data: true }],
    ],
    session,
  );
  assert.equal(healthy.session.attempt, 0);
});

test("a restarting server decides over how long the return is spread", () => {
  const { session } = play([
    ...LIVE,
    [1000, { type: "closed", code: 1012, reason: '{"spread_ms":8000}' }],
  ]);
  assert.equal(session.nextTryAt, 1000 + 4000);
});

test("a quiet connection is pinged, and left when nothing answers", () => {
  const pinged = play([...LIVE, ...ticks(1000, 20 + QUIET_MS + 1000)]);
  assert.deepEqual(pinged.actions, ["open", "subscribe", "ping"]);
  const from = 12_000;
  const dead = play(ticks(from, 11_000 + PONG_TIMEOUT_MS), pinged.session);
  assert.deepEqual(dead.actions, ["close"]);
  assert.equal(dead.session.state, "reconnecting");
  const answered = play(
    [[from, { type: "frame", data: false }], ...ticks(from, from + QUIET_MS - 1000)],
    pinged.session,
  );
  assert.deepEqual(answered.actions, []);
  assert.equal(answered.session.state, "connected");
});

test("what ran out while the page slept does not count: it asks again first", () => {
  const pinged = play([...LIVE, ...ticks(1000, 20 + QUIET_MS + 1000)]).session;
  const woken = play([[3_600_000, { type: "tick" }]], pinged);
  assert.deepEqual(woken.actions, ["ping"]);
  assert.equal(woken.session.state, "connected");
  assert.ok(PONG_TIMEOUT_MS > SLEPT_MS);
});

test("a try that never opens is given up", () => {
  const { session, actions } = play([[0, { type: "start" }], ...ticks(1000, OPEN_TIMEOUT_MS)]);
  assert.deepEqual(actions, ["open", "close"]);
  assert.equal(session.state, "reconnecting");
  assert.ok(session.nextTryAt !== null);
});

test("retry now, coming back to the page and coming online each try at once, and only once", () => {
  const { session } = play([...LIVE, [1000, LOST]]);
  for (const type of /** @type {const} */ (["retry", "visible", "online"])) {
    const tried = play(
      [
        [1001, { type }],
        [1002, { type }],
      ],
      session,
    );
    assert.deepEqual(tried.actions, ["open"], type);
  }
});

test("a lost connection without a network is disconnected, and is tried all the same", () => {
  const { session } = play([...LIVE, [900, { type: "offline" }], [1000, LOST]]);
  assert.equal(session.state, "disconnected");
  const tried = play([[2000, { type: "tick" }]], session);
  assert.deepEqual(tried.actions, ["open"]);
  assert.equal(play([[2010, { type: "opened" }]], tried.session).session.state, "connected");
});

test("it never gives up", () => {
  let session = play(LIVE).session;
  let at = 1000;
  for (let failures = 1; failures <= 2000; failures += 1) {
    session = play([[at, LOST]], session).session;
    const next = session.nextTryAt;
    assert.ok(next !== null && next - at <= 15_000);
    session = play([[next, { type: "tick" }]], session).session;
    assert.equal(session.open, true);
    at = next + 10;
  }
});

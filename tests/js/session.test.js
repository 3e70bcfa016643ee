import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BLOCKED_TRIES,
  FROZEN_MS,
  LOOK_MS,
  OPEN_TIMEOUT_MS,
  PONG_TIMEOUT_MS,
  QUIET_MS,
  REPLAY_MS_MAX,
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
  [20, { type: "heard", data: true }],
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
    [2020, { type: "heard", data: false }],
    [2030, LOST],
  ];
  const { session } = play([...LIVE, ...flapping]);
  assert.equal(session.attempt, 2);
  assert.equal(session.nextTryAt, 2030 + 500);
  const healthy = play(
    [
      [3000, { type: "tick" }],
      [3010, { type: "opened" }],
      [3020, { type: "heard", data: true }],
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
  const dead = play(ticks(from, 11_000 + PONG_TIMEOUT_MS.websocket), pinged.session);
  assert.deepEqual(dead.actions, ["close"]);
  assert.equal(dead.session.state, "reconnecting");
  const answered = play(
    [[from, { type: "heard", data: false }], ...ticks(from, from + QUIET_MS - 1000)],
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
  assert.ok(PONG_TIMEOUT_MS.websocket > SLEPT_MS);
});

test("a try that never opens is given up", () => {
  const { session, actions } = play([[0, { type: "start" }], ...ticks(1000, OPEN_TIMEOUT_MS)]);
  assert.deepEqual(actions, ["open", "close", "probe"]);
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
    session = play(blocked(at, false), session).session;
    const next = session.nextTryAt;
    assert.ok(next !== null && next - at <= 15_000);
    session = play([[next, { type: "tick" }]], session).session;
    assert.equal(session.open, true);
    at = next + 10;
  }
});

/** One try that never opens, and the answer to whether HTTP works. @param {number} at */
const blocked = (at, reachable = true) =>
  /** @type {[number, SessionEvent][]} */ ([
    [at, LOST],
    [at + 10, { type: "probed", reachable }],
  ]);

/** A session that has come down to server-sent events, which flow. */
const events = () =>
  play([
    [0, { type: "start" }],
    ...blocked(100),
    [1000, { type: "tick" }],
    ...blocked(1100),
    [1200, { type: "opened" }],
    [1210, { type: "heard", data: true }],
  ]);

test("a WebSocket that is blocked while HTTP works gives way to events, and those to polling", () => {
  assert.equal(BLOCKED_TRIES, 2);
  const { session, actions } = events();
  assert.deepEqual(actions, ["open", "probe", "open", "probe", "open", "subscribe"]);
  assert.equal(session.way, "sse");
  assert.equal(session.state, "connected");
  const down = play(
    [
      [2000, LOST],
      [3000, { type: "tick" }],
      ...blocked(3100),
      [5000, { type: "tick" }],
      ...blocked(5100),
    ],
    session,
  );
  assert.equal(down.session.way, "polling");
  assert.deepEqual(down.actions, ["open", "probe", "open", "probe", "open"]);
});

test("a server that is away blocks nothing: the best way is tried for as long as it takes", () => {
  let session = play([[0, { type: "start" }]]).session;
  for (let at = 100; at < 1_000_000; at += 40_000) {
    session = play([...blocked(at, false), [at + 39_000, { type: "tick" }]], session).session;
    assert.equal(session.way, "websocket");
    assert.equal(session.open, true);
  }
});

test("one try that fails as the server comes back is not enough to take another way", () => {
  const { session } = play([
    [0, { type: "start" }],
    ...blocked(100),
    [1000, { type: "tick" }],
    ...blocked(1100, false),
    [3000, { type: "tick" }],
    ...blocked(3100),
  ]);
  assert.equal(session.way, "websocket");
});

test("a way that has opened is not blocked, however often it is lost", () => {
  let session = play(LIVE).session;
  for (let at = 1000; at < 100_000; at += 10_000) {
    const { actions, session: next } = play(
      [
        [at, LOST],
        [at + 9000, { type: "tick" }],
        [at + 9010, { type: "opened" }],
        [at + 9020, { type: "heard", data: true }],
      ],
      session,
    );
    assert.deepEqual(actions, ["open", "subscribe"]);
    session = next;
  }
  assert.equal(session.way, "websocket");
});

test("the next try waits until it is known whether HTTP works", () => {
  const { session } = play([
    [0, { type: "start" }],
    [100, LOST],
  ]);
  const waits = play([[2500, { type: "tick" }]], session);
  assert.deepEqual(waits.actions, []);
  const goes = play(
    [
      [2600, { type: "probed", reachable: false }],
      [2700, { type: "tick" }],
    ],
    waits.session,
  );
  assert.deepEqual(goes.actions, ["open"]);
});

test("when the last way fails too it begins again with the best", () => {
  const ways = /** @type {const} */ (["websocket", "polling"]);
  const { session } = play(
    [
      [0, { type: "start" }],
      ...blocked(100),
      [1000, { type: "tick" }],
      ...blocked(1100),
      [1200, LOST],
    ],
    newSession(0, true, ways),
  );
  assert.equal(session.way, "websocket");
});

test("while a lesser way works the best one is looked at, and taken once it opens", () => {
  const { session } = events();
  assert.equal(session.lookAt, 1200 + LOOK_MS);
  const heard = /** @type {[number, SessionEvent]} */ ([
    1200 + LOOK_MS - 10,
    { type: "heard", data: true },
  ]);
  const looked = play([heard, [1200 + LOOK_MS, { type: "tick" }]], session);
  assert.deepEqual(looked.actions, ["look"]);
  assert.equal(looked.session.lookAt, 1200 + 2 * LOOK_MS);
  const taken = play(
    [
      [62_000, { type: "better" }],
      [62_010, { type: "opened" }],
    ],
    looked.session,
  );
  assert.deepEqual(taken.actions, ["open", "subscribe"]);
  assert.equal(taken.session.way, "websocket");
  assert.equal(taken.session.lookAt, null);
  assert.deepEqual(play([[63_000, { type: "better" }]], taken.session).actions, []);
});

test("another network is looked at right away", () => {
  const { session } = events();
  const { actions } = play(
    [
      [2000, { type: "online" }],
      [2100, { type: "tick" }],
    ],
    session,
  );
  assert.deepEqual(actions, ["look"]);
});

test("events are given longer than a WebSocket, as they cannot be asked for a sign", () => {
  const { session } = events();
  const from = 2000;
  const until = 1210 + QUIET_MS + PONG_TIMEOUT_MS.sse;
  assert.deepEqual(play(ticks(from, until - 1000), session).actions, ["ping"]);
  assert.deepEqual(play(ticks(from, until + 1000), session).actions, ["ping", "close"]);
});

test("a page that was frozen fetches what it missed, although its connection held", () => {
  const { session } = play(LIVE);
  const short = play([[20 + FROZEN_MS - 1, { type: "heard", data: true }]], session);
  assert.deepEqual(short.actions, []);
  const long = play([[20 + FROZEN_MS, { type: "heard", data: true }]], session);
  assert.deepEqual(long.actions, ["refetch"]);
});

test("what was missed in a long absence is not replayed", () => {
  const { session } = play([...LIVE, [1000, LOST]]);
  const back = (/** @type {number} */ at) =>
    play(
      [
        [at, { type: "visible" }],
        [at + 1, { type: "opened" }],
      ],
      session,
    ).actions;
  assert.deepEqual(back(REPLAY_MS_MAX), ["open", "subscribe"]);
  assert.deepEqual(back(REPLAY_MS_MAX + 1000), ["open", "forget", "subscribe"]);
});

test("a way that the server refuses to this page is left at once, and a full server is waited for", () => {
  const down = play([
    [0, { type: "start" }],
    ...blocked(100),
    [1000, { type: "tick" }],
    ...blocked(1100),
  ]).session;
  assert.equal(down.way, "sse");
  const refused = play([[1200, { type: "closed", code: 429, reason: "", afterMs: 60_000 }]], down);
  assert.deepEqual(refused.actions, ["open"]);
  assert.equal(refused.session.way, "polling");
  const full = play([[1200, { type: "closed", code: 503, reason: "", afterMs: 5000 }]], down);
  assert.deepEqual(full.actions, ["probe"]);
  assert.equal(full.session.way, "sse");
  assert.equal(full.session.nextTryAt, 6200);
});

test("a server that wants to be left alone is left alone for so long", () => {
  const { session } = play([
    ...LIVE,
    [1000, { type: "closed", code: 429, reason: "", afterMs: 7000 }],
  ]);
  assert.equal(session.nextTryAt, 8000);
});

test("what was closed for good opens no more", () => {
  const { session, actions } = play([...LIVE, [1000, { type: "stop" }]]);
  assert.equal(actions.at(-1), "close");
  assert.deepEqual(play(ticks(2000, 60_000), session).actions, []);
});

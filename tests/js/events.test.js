import assert from "node:assert/strict";
import { test } from "node:test";
import { LINE_CHARS_MAX, readEvents } from "../../web/static/events.js";

/** What is read of a stream that comes in these chunks. @param {string[]} chunks */
function read(...chunks) {
  /** @type {string[]} */
  const events = [];
  let comments = 0;
  let retry = 0;
  const take = readEvents({
    event: (data) => events.push(data),
    comment: () => (comments += 1),
    retry: (ms) => (retry = ms),
  });
  chunks.forEach(take);
  return { events, comments, retry };
}

const STREAM =
  'retry: 2000\n\n: hello\n\nid: 7-1\ndata: {"a":1}\n\ndata:{"b":2}\ndata: 3\n\nid\n\n';
const EVENTS = ['{"a":1}', '{"b":2}\n3'];

test("a stream is the same wherever it is cut, and whatever its lines end with", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = `${STREAM.replaceAll("\n", end)}:${end}`;
    for (let cut = 0; cut <= text.length; cut += 1) {
      const { events, comments, retry } = read(text.slice(0, cut), text.slice(cut));
      assert.deepEqual(events, EVENTS, `${JSON.stringify(end)} at ${cut}`);
      assert.equal(retry, 2000);
      assert.equal(comments, end === "\r" ? 1 : 2);
    }
    assert.deepEqual(read(...text).events, EVENTS);
  }
});

test("an event that was not ended is no event", () => {
  assert.deepEqual(read("data: 1\n").events, []);
});

test("a line that never ends is refused", () => {
  const take = readEvents({ event() {}, comment() {}, retry() {} });
  take(`data: ${"x".repeat(LINE_CHARS_MAX - 6)}`);
  assert.throws(() => take("x"), RangeError);
});

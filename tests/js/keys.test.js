import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYS, NOTHING_PRESSED, press } from "../../web/static/keys.js";

/** @param {[string, number][]} keys each with its ms @returns the last one's meaning */
function pressed(...keys) {
  let before = NOTHING_PRESSED;
  let action = null;
  for (const [key, at] of keys) ({ pressed: before, action } = press(before, key, at));
  return action;
}

test("g and a page's letter goes there, if the second comes soon", () => {
  assert.deepEqual(pressed(["g", 0], ["m", 1_400]), { type: "go", path: "/markets" });
  assert.deepEqual(pressed(["g", 0], ["d", 10]), { type: "go", path: "/" });
  assert.equal(pressed(["g", 0], ["m", 1_600]), null);
  assert.equal(pressed(["m", 0]), null);
  assert.equal(pressed(["g", 0], ["x", 10], ["m", 20]), null);
});

test("a g too many does no harm", () => {
  assert.deepEqual(pressed(["g", 0], ["g", 10], ["s", 20]), { type: "go", path: "/status" });
});

test("single keys open what they are listed for, amid a sequence too", () => {
  assert.deepEqual(pressed(["/", 0]), { type: "search" });
  assert.deepEqual(pressed(["g", 0], ["?", 10]), { type: "help" });
  assert.deepEqual(
    KEYS.map(({ keys }) => keys.join(" ")),
    ["/", "g d", "g m", "g s", "?", "Esc"],
  );
});

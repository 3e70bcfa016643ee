import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { drawNever, drawSoon } from "../../web/static/drawing.js";

const FRAME_MS = 16;
/** @type {string[]} */
let drawn = [];
/** @param {string} name */
const drawing = (name) => () => void drawn.push(name);

mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
Object.assign(globalThis, {
  requestAnimationFrame: (/** @type {() => void} */ draw) => setTimeout(draw, FRAME_MS),
});
mock.method(performance, "now", () => Date.now());

/** Let time pass; return what is drawn in it. @param {number} ms */
function within(ms) {
  drawn = [];
  for (let passed = 0; passed < ms; passed += 1) mock.timers.tick(1);
  return drawn;
}

test("after a pause it is drawn in the next frame, each in one of its own, and once", () => {
  within(1_000);
  const chart = drawing("chart");
  for (const draw of [chart, drawing("tape"), chart]) drawSoon(draw);
  assert.deepEqual(within(FRAME_MS - 1), []);
  assert.deepEqual(within(1), ["chart"]);
  assert.deepEqual(within(FRAME_MS), ["tape"]);
  assert.deepEqual(within(1_000), []);
});

test("at most five times a second, however often it is asked for", () => {
  within(1_000);
  const chart = drawing("chart");
  const again = () => {
    drawn.push("again");
    drawSoon(again);
  };
  drawSoon(again);
  const asking = setInterval(() => drawSoon(chart), 10);
  within(1_000);
  clearInterval(asking);
  drawNever(again);
  for (const name of ["chart", "again"]) {
    const times = drawn.filter((each) => each === name).length;
    assert.ok(times >= 4 && times <= 5, `${name} ${times}`);
  }
});

test("what is not wanted any more is not drawn, not even when its turn has begun", () => {
  within(1_000);
  const [one, two, three] = [drawing("one"), drawing("two"), drawing("three")];
  for (const draw of [one, two, three]) drawSoon(draw);
  drawNever(one);
  assert.deepEqual(within(FRAME_MS), ["two"]);
  drawNever(three);
  assert.deepEqual(within(1_000), []);
  drawSoon(one);
  assert.deepEqual(within(FRAME_MS), ["one"]);
});

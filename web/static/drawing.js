/**
 * Draws at once after a pause, then at most five times a second, in animation frames: whoever has
 * something to draw asks for a turn, however often, and is called once in it, each in a frame of its
 * own, so that a slow phone is never busy with all of it at once. Nothing is drawn while the page is
 * hidden; the turn comes when it is seen again, with the newest values only.
 *
 * @module
 */

/** @type {Set<() => void>} */
const waiting = new Set();
/** Those whose turn it is. @type {(() => void)[]} */
let round = [];
let asked = false;
let drawnAt = -Infinity;
/** A slow phone takes half of this for one drawing. */
const PAUSE_MS = 200;

const frame = () => requestAnimationFrame(turn);

/** @param {() => void} draw called once, in an animation frame */
export function drawSoon(draw) {
  waiting.add(draw);
  if (!asked) ask();
}

function ask() {
  asked = true;
  const pause = drawnAt + PAUSE_MS - performance.now();
  if (pause > 0) setTimeout(frame, pause);
  else frame();
}

function turn() {
  if (round.length === 0) {
    drawnAt = performance.now();
    round = [...waiting];
    waiting.clear();
  }
  const draw = round.shift();
  asked = round.length > 0;
  if (asked) frame();
  else if (waiting.size > 0) ask();
  draw?.();
}

/** @param {() => void} draw is not called any more */
export function drawNever(draw) {
  waiting.delete(draw);
  round = round.filter((each) => each !== draw);
}

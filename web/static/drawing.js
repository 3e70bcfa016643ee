/**
 * Draws at once after a pause, then at most five times a second, in an animation frame: whoever has
 * something to draw asks for a turn, however often, and is called once in it. Nothing is drawn while
 * the page is hidden; the turn comes when it is seen again, with the newest values only.
 *
 * @module
 */

/** @type {Set<() => void>} */
const waiting = new Set();
let asked = false;
let drawnAt = -Infinity;
/** A slow phone takes half of this for one drawing. */
const PAUSE_MS = 200;

/** @param {() => void} draw called once, in an animation frame */
export function drawSoon(draw) {
  waiting.add(draw);
  if (asked) return;
  asked = true;
  const frame = () => requestAnimationFrame(turn);
  const pause = drawnAt + PAUSE_MS - performance.now();
  if (pause > 0) setTimeout(frame, pause);
  else frame();
}

function turn() {
  asked = false;
  drawnAt = performance.now();
  const all = [...waiting];
  waiting.clear();
  for (const next of all) next();
}

/** @param {() => void} draw is not called any more */
export function drawNever(draw) {
  waiting.delete(draw);
}

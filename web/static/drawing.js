/**
 * Draws at most once per animation frame: whoever has something to draw asks for a turn, however
 * often, and is called once in the next frame. Nothing is drawn while the page is hidden; the turn
 * comes when it is seen again, with the newest values only.
 *
 * @module
 */

/** @type {Set<() => void>} */
const waiting = new Set();
let asked = false;

/** @param {() => void} draw called once, in the next animation frame */
export function drawSoon(draw) {
  waiting.add(draw);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const turn = [...waiting];
    waiting.clear();
    for (const next of turn) next();
  });
}

/** @param {() => void} draw is not called any more */
export function drawNever(draw) {
  waiting.delete(draw);
}

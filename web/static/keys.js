/**
 * The keys that do something everywhere: which, and what each sequence of them means. Pure.
 *
 * @module
 */

import { PLACES } from "./routes.js";

/** The second key of a sequence counts for so long. */
const SEQUENCE_MS = 1_500;

/**
 * @typedef {{type: "search"} | {type: "help"} | {type: "go", path: string}} Action
 *
 * @typedef {object} Pressed
 * @property {string} first the key that began a sequence; "" where there is none
 * @property {number} at ms
 */

/** @type {Pressed} */
export const NOTHING_PRESSED = { first: "", at: 0 };

/** What is listed for those who ask. */
export const KEYS = [
  { keys: ["/"], does: "Search symbols" },
  ...PLACES.map(({ key, title }) => ({ keys: ["g", key], does: `Go to ${title}` })),
  { keys: ["?"], does: "List these keys" },
  { keys: ["Esc"], does: "Close what is open" },
];

/**
 * Return what a key means after those before it.
 *
 * @param {Pressed} before
 * @param {string} key as `KeyboardEvent.key`
 * @param {number} now ms
 * @returns {{pressed: Pressed, action: Action | null}}
 */
export function press(before, key, now) {
  if (before.first === "g" && now - before.at <= SEQUENCE_MS) {
    const place = PLACES.find((one) => one.key === key);
    if (place !== undefined)
      return { pressed: NOTHING_PRESSED, action: { type: "go", path: place.path } };
  }
  if (key === "g") return { pressed: { first: key, at: now }, action: null };
  if (key === "/") return { pressed: NOTHING_PRESSED, action: { type: "search" } };
  if (key === "?") return { pressed: NOTHING_PRESSED, action: { type: "help" } };
  return { pressed: NOTHING_PRESSED, action: null };
}

/**
 * Which symbol a name means, and which are spelled most like it where it means none. Pure.
 *
 * @module
 */

import { plain } from "./wishes.js";

/** Names less alike are no help. */
const ALIKE_MIN = 0.3;

/** @param {string} key @returns {string} what is traded, without its exchange */
const bare = (key) => plain(key.slice(key.indexOf(":") + 1));

/**
 * Return the key that a name means, in any spelling and without an exchange too.
 *
 * @param {string} name
 * @param {readonly string[]} keys
 * @returns {string | undefined}
 */
export function meant(name, keys) {
  const wanted = plain(name);
  return keys.find((key) => plain(key) === wanted) ?? keys.find((key) => bare(key) === wanted);
}

/**
 * Return the keys that are spelled most like a name, the nearest first: by the share of pairs of
 * letters in common (L. R. Dice, 1945).
 *
 * @param {string} name
 * @param {readonly string[]} keys
 * @param {number} [most]
 * @returns {string[]}
 */
export function near(name, keys, most = 5) {
  const wanted = pairs(bare(name));
  const alike = (/** @type {string} */ key) => {
    const found = pairs(bare(key));
    const common = wanted.filter((pair) => found.includes(pair)).length;
    return (2 * common) / (wanted.length + found.length);
  };
  return keys
    .map((key) => ({ key, score: alike(key) }))
    .filter(({ score }) => score >= ALIKE_MIN)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ key }) => key);
}

/** @param {string} text */
function pairs(text) {
  return Array.from({ length: Math.max(1, text.length - 1) }, (_, at) => text.slice(at, at + 2));
}

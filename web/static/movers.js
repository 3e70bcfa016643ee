/**
 * Which symbols have risen and fallen most in 24 hours. Pure.
 *
 * @module
 */

/** @typedef {import("./cards.js").Card} Card */

/**
 * @typedef {object} Movers
 * @property {number} known of so many symbols the change is known
 * @property {Card[]} gainers those that rose, the most first
 * @property {Card[]} losers those that fell, the most first
 */

/**
 * @param {readonly Card[]} cards
 * @param {number} most of each
 * @returns {Movers}
 */
export function moversOf(cards, most) {
  const known = cards.filter(({ changePercent }) => changePercent !== null);
  const percent = (/** @type {Card} */ card) => card.changePercent ?? 0;
  const rising = known.toSorted((one, other) => percent(other) - percent(one));
  return {
    known: known.length,
    gainers: rising.filter((card) => percent(card) > 0).slice(0, most),
    losers: rising.reverse().filter((card) => percent(card) < 0).slice(0, most),
  };
}

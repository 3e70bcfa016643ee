/**
 * How the values of a pane are written on its scale, and what it is fitted to.
 *
 * @module
 */

import { price } from "../format.js";

const CUSTOM = /** @type {const} */ ("custom");
const NUMBER = {
  type: CUSTOM,
  minMove: 1e-12,
  formatter: (/** @type {number} */ value) => String(Number(value.toPrecision(4))).replace("-", "−"),
};

/**
 * Return how a series writes its values.
 *
 * @param {import("./studies.js").Line["pane"]} pane
 * @param {number} decimals of the price
 */
export function formatOf(pane, decimals) {
  if (pane === "volume") return { priceFormat: { type: /** @type {const} */ ("volume") } };
  if (pane !== "price") return { priceFormat: NUMBER };
  const formatter = (/** @type {number} */ value) => price(value, decimals);
  return { priceFormat: { type: CUSTOM, formatter, minMove: 10 ** -decimals } };
}

/**
 * Return the options by which a series and its levels are always seen whole.
 *
 * @param {readonly number[]} levels
 */
export function fittedTo(levels) {
  if (levels.length === 0) return {};
  return {
    /** @param {() => import("lightweight-charts").AutoscaleInfo | null} fitted */
    autoscaleInfoProvider: (fitted) => {
      const info = fitted();
      if (!info?.priceRange) return info;
      const { minValue, maxValue } = info.priceRange;
      const priceRange = {
        minValue: Math.min(minValue, ...levels),
        maxValue: Math.max(maxValue, ...levels),
      };
      return { ...info, priceRange };
    },
  };
}

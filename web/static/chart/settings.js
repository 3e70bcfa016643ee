/**
 * How a chart is looked at: read from what was kept, whatever that is, and written as it is kept.
 * Pure.
 *
 * @module
 */

import { INTERVALS, RANGES } from "../intervals.js";
import { STUDIES } from "./studies.js";

/**
 * @typedef {object} Settings
 * @property {import("../intervals.js").Interval} interval
 * @property {import("../intervals.js").RangeName | null} range null where it was zoomed or panned
 * @property {"candles" | "line"} type
 * @property {boolean} log
 * @property {readonly import("./studies.js").StudyName[]} studies those that are switched on
 */

/** @type {Settings} */
export const DEFAULT = {
  interval: "1m",
  range: null,
  type: "candles",
  log: false,
  studies: ["volume", "average"],
};

/**
 * @param {string | null} text
 * @returns {Settings} the default for all that is none
 */
export function readSettings(text) {
  /** @type {any} */
  let kept;
  try {
    kept = JSON.parse(text ?? "null");
  } catch {
    return DEFAULT;
  }
  const { interval, range, type, log, studies } = kept ?? {};
  return {
    interval: Object.hasOwn(INTERVALS, interval ?? "") ? interval : DEFAULT.interval,
    range: Object.hasOwn(RANGES, range ?? "") ? range : DEFAULT.range,
    type: type === "line" ? type : DEFAULT.type,
    log: log === true,
    studies: Array.isArray(studies)
      ? studies.filter((name) => Object.hasOwn(STUDIES, String(name)))
      : DEFAULT.studies,
  };
}

/**
 * What may be drawn of closes beside the candles: which lines an indicator has, in which pane and
 * colour. Pure.
 *
 * @module
 */

import { bollinger, ema, macd, rsi, sma } from "../indicators.js";

/** @typedef {"volume" | "average" | "sma" | "ema" | "bollinger" | "rsi" | "macd"} StudyName */
/**
 * @typedef {object} Line
 * @property {string} name as the legend has it
 * @property {StudyName} study
 * @property {"price" | "volume" | "rsi" | "macd"} pane
 * @property {"line" | "bars"} kind
 * @property {import("./colours.js").Colour | ""} colour "" where bars are coloured by their direction
 * @property {boolean} dashed
 * @property {readonly number[]} levels values that it is read against
 * @property {readonly (number | null)[]} values one for each candle
 */

/** What may be switched on, in the order of the menu. @type {Readonly<Record<StudyName, string>>} */
export const STUDIES = {
  volume: "Volume",
  average: "Hour average",
  sma: "SMA 20",
  ema: "EMA 50",
  bollinger: "Bollinger 20, 2",
  rsi: "RSI 14",
  macd: "MACD 12, 26, 9",
};

/**
 * @param {string} name
 * @param {StudyName} study
 * @param {readonly (number | null)[]} values
 * @param {Partial<Line>} [more]
 * @returns {Line}
 */
function line(name, study, values, more) {
  const plain = { pane: /** @type {const} */ ("price"), kind: /** @type {const} */ ("line") };
  return { name, study, ...plain, colour: "line-1", dashed: false, levels: [], values, ...more };
}

/**
 * Return the lines of what is switched on, pane by pane from above.
 *
 * @param {ReadonlySet<StudyName>} on
 * @param {readonly import("../candles.js").Candle[]} candles
 * @param {readonly (number | null)[]} averages of the hour of each candle
 * @returns {Line[]}
 */
export function linesOf(on, candles, averages) {
  const closes = candles.map(({ close }) => close);
  /** @type {Line[]} */
  const lines = [];
  if (on.has("average"))
    lines.push(line("Hour avg", "average", averages, { colour: "accent", dashed: true }));
  if (on.has("sma")) lines.push(line("SMA 20", "sma", sma(closes, 20), { colour: "line-2" }));
  if (on.has("ema")) lines.push(line("EMA 50", "ema", ema(closes, 50), { colour: "line-3" }));
  if (on.has("bollinger")) {
    const { middle, upper, lower } = bollinger(closes);
    lines.push(
      line("BB upper", "bollinger", upper),
      line("BB middle", "bollinger", middle, { dashed: true }),
      line("BB lower", "bollinger", lower),
    );
  }
  if (on.has("volume")) {
    const volumes = candles.map(({ volume }) => volume);
    lines.push(line("Volume", "volume", volumes, { pane: "volume", kind: "bars", colour: "" }));
  }
  if (on.has("rsi"))
    lines.push(line("RSI 14", "rsi", rsi(closes), { pane: "rsi", levels: [30, 70] }));
  if (on.has("macd")) {
    const { line: fast, signal, histogram } = macd(closes);
    const pane = /** @type {const} */ ("macd");
    lines.push(
      line("Histogram", "macd", histogram, { pane, kind: "bars", colour: "" }),
      line("MACD", "macd", fast, { pane, colour: "line-2" }),
      line("Signal", "macd", signal, { pane, colour: "line-3" }),
    );
  }
  return lines;
}

/**
 * Return whether the values of a line are what they were, up to a place.
 *
 * @param {readonly (number | null)[] | undefined} before
 * @param {readonly (number | null)[]} after
 * @param {number} end excluded
 */
export function isSameUntil(before, after, end) {
  for (let index = 0; index < end; index += 1) if (before?.[index] !== after[index]) return false;
  return true;
}

/**
 * Where candles stand in time: the steps without one, what is known to be missing in them, and what
 * of a chart is to be drawn anew. Pure.
 *
 * @module
 */

/** @typedef {import("./candles.js").Candle} Candle */

/** Steps without a candle that are drawn, in one run and in all: the newest runs have them first. */
const RUN_MAX = 500;
const STEPS_MAX = 20_000;
/** A change this near to the end is drawn alone; of an older one all is drawn anew. */
const TAIL = 3;

/**
 * @typedef {object} Gap ids that are missing, as `/api/gaps` has them
 * @property {"open" | "filled" | "unfillable"} state
 * @property {number} ids
 * @property {string} reason
 * @property {number} openedAt s, when it was noticed: at the first trade after it
 *
 * @typedef {object} Band steps of which trades are missing
 * @property {number} from s, its first step
 * @property {number} to s, its last step
 * @property {string} reason
 */

/**
 * Return the opening of each candle and of each step between two that has none, in order.
 *
 * @param {readonly Candle[]} candles in order
 * @param {number} seconds of the interval
 * @returns {number[]}
 */
export function stepsOf(candles, seconds) {
  /** @type {number[]} */
  const backwards = [];
  let left = STEPS_MAX;
  for (let index = candles.length - 1; index >= 0; index -= 1) {
    const { time } = /** @type {Candle} */ (candles[index]);
    backwards.push(time);
    const before = candles[index - 1];
    if (before === undefined) break;
    const missing = Math.min(RUN_MAX, left, (time - before.time) / seconds - 1);
    for (let step = 1; step <= missing; step += 1) backwards.push(time - step * seconds);
    left -= Math.max(0, missing);
  }
  return backwards.reverse();
}

/**
 * Return where trades are known to be missing: candles that lack some, and runs of steps without a
 * candle at whose end a gap was noticed that has not been filled. A market without trades lacks
 * nothing.
 *
 * @param {readonly Candle[]} candles in order
 * @param {number} seconds of the interval
 * @param {readonly Gap[]} gaps
 * @returns {Band[]}
 */
export function bandsOf(candles, seconds, gaps) {
  const lasting = gaps.filter(({ state }) => state !== "filled");
  /** @type {Band[]} */
  const bands = [];
  candles.forEach((candle, index) => {
    const before = candles[index - 1];
    const begin = before === undefined ? candle.time : before.time + seconds;
    const run = begin < candle.time;
    const gap = lasting.find(
      ({ openedAt }) => openedAt >= begin && openedAt < candle.time + 2 * seconds,
    );
    if (!candle.partial && !(run && gap !== undefined)) return;
    const reason = gap === undefined ? "begun late, or trades are missing" : said(gap);
    const last = bands.at(-1);
    const to = candle.partial ? candle.time : candle.time - seconds;
    const from = run && gap !== undefined ? begin : candle.time;
    if (last !== undefined && last.to + seconds === from && last.reason === reason) last.to = to;
    else bands.push({ from, to, reason });
  });
  return bands;
}

/** @param {Gap} gap */
function said({ ids, reason, state }) {
  const trades = ids === 1 ? "1 trade" : `${ids} trades`;
  const hope = state === "open" ? "being asked for" : "not to be had any more";
  return `${trades} missing (${reason}), ${hope}`;
}

/**
 * Return the index from which candles have changed, for their end to be drawn alone; null where all
 * is to be drawn anew: another past, a step without a candle, or nothing drawn yet.
 *
 * @param {readonly Candle[]} before
 * @param {readonly Candle[]} after
 * @param {number} seconds of the interval
 * @returns {number | null}
 */
export function changedFrom(before, after, seconds) {
  if (before === after) return after.length;
  if (before.length === 0 || after.length < before.length) return null;
  let first = before.findIndex((candle, index) => candle !== after[index]);
  if (first < 0) first = before.length;
  if (first < before.length - TAIL) return null;
  for (let index = first; index < after.length; index += 1) {
    const { time } = /** @type {Candle} */ (after[index]);
    const expected = before[index]?.time ?? Number(after[index - 1]?.time) + seconds;
    if (time !== expected) return null;
  }
  return first;
}

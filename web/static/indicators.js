/**
 * Indicators of a series of closes, the formulas written down once. Pure.
 *
 * In come numbers, oldest first; out comes a value for each of them, null until there are enough.
 *
 * @module
 */

/** @typedef {(number | null)[]} Line */

/**
 * Return the mean of `n` values up to one of them, that one included.
 *
 * @param {readonly number[]} values
 * @param {number} n
 * @param {number} end
 */
function mean(values, n, end) {
  let sum = 0;
  for (let index = end + 1 - n; index <= end; index += 1) sum += Number(values[index]);
  return sum / n;
}

/**
 * Return the simple moving average: SMA_t = (x_t + … + x_{t−n+1}) / n.
 *
 * @param {readonly number[]} values
 * @param {number} n
 * @returns {Line}
 */
export function sma(values, n) {
  return values.map((_, end) => (end + 1 < n ? null : mean(values, n, end)));
}

/**
 * Return the exponential moving average: EMA_t = α·x_t + (1 − α)·EMA_{t−1} with α = 2 / (n + 1),
 * begun with the SMA of the first n values.
 *
 * @param {readonly number[]} values
 * @param {number} n
 * @returns {Line}
 */
export function ema(values, n) {
  return smoothed(values, n, 2 / (n + 1));
}

/**
 * @param {readonly number[]} values
 * @param {number} n
 * @param {number} alpha
 * @returns {Line}
 */
function smoothed(values, n, alpha) {
  /** @type {number | null} */
  let last = null;
  return values.map((value, index) => {
    if (index + 1 < n) return null;
    last = last === null ? mean(values, n, index) : last + alpha * (value - last);
    return last;
  });
}

/**
 * Return Bollinger's bands: SMA_t ± k·σ_t with the population's deviation, σ² = Σ(x − SMA)² / n (J.
 * Bollinger, Bollinger on Bollinger Bands, 2001).
 *
 * @param {readonly number[]} values
 * @param {number} [n]
 * @param {number} [k]
 * @returns {{middle: Line, upper: Line, lower: Line}}
 */
export function bollinger(values, n = 20, k = 2) {
  const middle = sma(values, n);
  const spread = middle.map((centre, end) => {
    if (centre === null) return 0;
    let squares = 0;
    for (let index = end + 1 - n; index <= end; index += 1) {
      squares += (Number(values[index]) - centre) ** 2;
    }
    return k * Math.sqrt(squares / n);
  });
  const apart = (/** @type {1 | -1} */ sign) =>
    middle.map((value, index) => (value === null ? null : value + sign * Number(spread[index])));
  return { middle, upper: apart(1), lower: apart(-1) };
}

/**
 * Return the relative strength index of J. W. Wilder (New Concepts in Technical Trading Systems,
 * 1978): 100·U / (U + D), where U and D are the averages of the rises and falls, begun with the
 * mean of the first n of them and smoothed with α = 1 / n. Without any move it is 50.
 *
 * @param {readonly number[]} values
 * @param {number} [n]
 * @returns {Line}
 */
export function rsi(values, n = 14) {
  const moves = values.slice(1).map((value, index) => value - Number(values[index]));
  const rises = smoothed(
    moves.map((move) => Math.max(0, move)),
    n,
    1 / n,
  );
  const falls = smoothed(
    moves.map((move) => Math.max(0, -move)),
    n,
    1 / n,
  );
  return values.map((_, index) => {
    const [up, down] = [rises[index - 1] ?? null, falls[index - 1] ?? null];
    if (up === null || down === null) return null;
    return up + down === 0 ? 50 : (100 * up) / (up + down);
  });
}

/**
 * Return the MACD of G. Appel: the fast EMA less the slow one, its own EMA as signal, and what is
 * between the two.
 *
 * @param {readonly number[]} values
 * @param {number} [fast]
 * @param {number} [slow]
 * @param {number} [smooth]
 * @returns {{line: Line, signal: Line, histogram: Line}}
 */
export function macd(values, fast = 12, slow = 26, smooth = 9) {
  const slowly = ema(values, slow);
  const line = ema(values, fast).map((value, index) => less(value, slowly[index]));
  const known = line.filter((value) => value !== null);
  const missing = /** @type {Line} */ (Array(values.length - known.length).fill(null));
  const signal = [...missing, ...ema(known, smooth)];
  return { line, signal, histogram: line.map((value, index) => less(value, signal[index])) };
}

/** @param {number | null | undefined} one @param {number | null | undefined} other */
function less(one, other) {
  return one == null || other == null ? null : one - other;
}

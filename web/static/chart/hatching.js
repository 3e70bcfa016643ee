/**
 * Hatched bands behind the candles, where trades are known to be missing, with the reason where
 * there is room for it.
 *
 * @module
 */

/**
 * @typedef {import("../timeline.js").Band} Band
 * @typedef {import("./times.js").Times} Times
 * @typedef {import("lightweight-charts").ISeriesPrimitive<import("lightweight-charts").Time>} Primitive
 * @typedef {import("lightweight-charts").IChartApi} Chart
 */

/** Between two lines of the hatching, px. */
const APART = 7;
const INSET = 6;
/** Between two lines of text, px. */
const LINE = 14;

/** @implements {Primitive} */
export class Hatching {
  /** @type {readonly Band[]} */
  #bands = [];
  /** @type {Times | null} */
  #times = null;
  #colour = "";
  /** @type {(() => void) | null} */
  #request = null;
  #chart;

  /** @param {Chart} chart */
  constructor(chart) {
    this.#chart = chart;
  }

  /** @param {{requestUpdate: () => void}} parameters */
  attached({ requestUpdate }) {
    this.#request = requestUpdate;
  }

  detached() {
    this.#request = null;
  }

  /** @param {readonly Band[]} bands @param {Times} times @param {string} colour */
  set(bands, times, colour) {
    this.#bands = bands;
    this.#times = times;
    this.#colour = colour;
    this.#request?.();
  }

  paneViews() {
    return [{ zOrder: () => /** @type {const} */ ("bottom"), renderer: () => this }];
  }

  /** @param {any} target a canvas to draw on, in px of the style sheet */
  draw(target) {
    target.useMediaCoordinateSpace(
      (/** @type {{context: CanvasRenderingContext2D, mediaSize: {height: number}}} */ on) => {
        for (const band of this.#bands) this.#drawBand(on.context, on.mediaSize.height, band);
      },
    );
  }

  /** @param {CanvasRenderingContext2D} context @param {number} height @param {Band} band */
  #drawBand(context, height, { from, to, reason }) {
    const scale = this.#chart.timeScale();
    const times = /** @type {Times} */ (this.#times);
    const [first, last] = [from, to].map((at) => scale.timeToCoordinate(times.stamp(at)));
    if (first == null || last == null) return;
    const half = scale.options().barSpacing / 2;
    const [left, width] = [first - half, last - first + 2 * half];
    context.save();
    context.beginPath();
    context.rect(left, 0, width, height);
    context.clip();
    context.strokeStyle = this.#colour;
    context.globalAlpha = 0.35;
    context.beginPath();
    for (let x = left - height; x < left + width; x += APART) {
      context.moveTo(x, height);
      context.lineTo(x + height, 0);
    }
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = this.#colour;
    context.font = "11px system-ui, sans-serif";
    const lines = wrapped(reason, (text) => context.measureText(text).width < width - 2 * INSET);
    for (const [index, line] of lines.entries()) {
      context.fillText(line, left + INSET, height - INSET - LINE * (lines.length - 1 - index));
    }
    context.restore();
  }
}

/**
 * Return a text in lines of whole words; none where a word alone does not fit.
 *
 * @param {string} text
 * @param {(line: string) => boolean} fits
 * @returns {string[]}
 */
function wrapped(text, fits) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    if (!fits(word)) return [];
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

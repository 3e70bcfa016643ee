/**
 * The large chart on its canvases: price, volume and oscillators in panes of their own.
 *
 * In comes a view, whole, as often as it changes; out go pixels, the candle under the pointer and
 * what part of time is seen. Only the last candles are drawn alone (`update`); of any other change
 * all is drawn anew (`setData`), with what is seen staying where it is.
 *
 * @module
 */

import {
  CandlestickSeries,
  HistogramSeries,
  LineSeries,
  LineStyle,
  LineType,
  PriceScaleMode,
  createChart,
} from "lightweight-charts";
import { changedFrom, stepsOf } from "../timeline.js";
import { barColours, candleOptions, frameOptions, palette } from "./colours.js";
import { Hatching } from "./hatching.js";
import { formatOf, fittedTo } from "./scales.js";
import { isSameUntil } from "./studies.js";
import { Times } from "./times.js";

/** @typedef {import("../candles.js").Candle} Candle */
/** @typedef {import("./studies.js").Line} Line */
/**
 * @typedef {object} View
 * @property {readonly Candle[]} candles in order
 * @property {number} seconds of the interval
 * @property {number} decimals of the price
 * @property {"candles" | "line"} type
 * @property {boolean} log
 * @property {readonly Line[]} lines
 * @property {readonly import("../timeline.js").Band[]} bands
 * @property {string} countdown to the close of the last candle
 * @property {boolean} old the last price is not that of now
 * @property {string} theme
 *
 * @typedef {object} Seen
 * @property {number} from s, the first candle that is seen
 * @property {number} to s, the last one
 * @property {number} before candles that are drawn left of what is seen
 *
 * @typedef {object} Pointed
 * @property {number} time s, of the step
 * @property {number | null} index place of its candle; null where it has none
 *
 * @typedef {object} Handlers
 * @property {(pointed: Pointed | null) => void} onPoint what is under the pointer
 * @property {(seen: Seen) => void} onSeen
 */

/** Steps that stay free on the right of the live candle. */
const OFFSET = 6;
/** And of a range at least this part, for the price's label. */
const FREE_PART = 0.06;
/** How high the panes are, to one another. */
const HEIGHTS = { price: 6, volume: 1.3, rsi: 1.6, macd: 1.8 };

/** How a level of a study is drawn: it has no value that changes. */
const LEVEL = {
  lineStyle: LineStyle.Dotted,
  lineWidth: /** @type {const} */ (1),
  axisLabelVisible: false,
  title: "",
};
/** A line does not lead over steps without a candle. */
const UNSEEN = { color: "transparent" };

/** @typedef {import("lightweight-charts").ISeriesApi<any>} Drawn */

/**
 * A chart that fills an element and follows its size. It is seen, and its pixels are drawn, from the
 * frame after its first view on: a slow phone is not busy with all of it at once.
 */
export class Canvas {
  #handlers;
  #place;
  #chart;
  #hatching;
  /** @type {Drawn | null} */
  #price = null;
  /** @type {import("lightweight-charts").IPriceLine | null} */
  #last = null;
  /** @type {Map<string, Drawn>} */
  #lines = new Map();
  /** @type {View | null} */
  #view = null;
  /** What was to be shown before anything was. @type {number | null} */
  #since = null;
  #times = new Times(60);
  #colours = /** @type {import("./colours.js").Palette} */ ({});
  #bars = /** @type {string[][]} */ ([]);
  /** The place of a candle by its stamp. @type {Map<number, number>} */
  #places = new Map();

  /**
   * @param {HTMLElement} container
   * @param {Handlers} handlers
   */
  constructor(container, handlers) {
    this.#handlers = handlers;
    this.#place = container.appendChild(document.createElement("div"));
    this.#place.className = "study-place";
    this.#place.hidden = true;
    this.#chart = createChart(this.#place, this.#options(container));
    this.#hatching = new Hatching(this.#chart);
    this.#chart.subscribeCrosshairMove(({ time }) => {
      const index = this.#places.get(Number(time)) ?? null;
      const found = time === undefined ? null : { time: this.#times.moment(time), index };
      this.#handlers.onPoint(found);
    });
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.#tellSeen());
  }

  /** @param {HTMLElement} container */
  #options(container) {
    return {
      autoSize: true,
      layout: {
        attributionLogo: false, // the footer names and links TradingView
        background: { color: "transparent" },
        fontFamily: getComputedStyle(container).fontFamily,
        fontSize: 11,
      },
      rightPriceScale: { borderVisible: false, scaleMargins: { top: 0.12, bottom: 0.06 } },
      timeScale: {
        borderVisible: false,
        timeVisible: true,
        secondsVisible: false,
        rightOffset: OFFSET,
        minBarSpacing: 0.02,
        enableConflation: true,
        tickMarkFormatter: (/** @type {unknown} */ at, /** @type {number} */ kind) =>
          this.#times.mark(at, kind),
      },
      localization: {
        timeFormatter: (/** @type {unknown} */ at) => this.#times.label(this.#times.moment(at)),
      },
      handleScroll: { vertTouchDrag: false },
    };
  }

  /** Draw what has changed since the last view. @param {View} view */
  draw(view) {
    const before = this.#view;
    this.#view = view;
    const times = new Times(view.seconds);
    // The clocks may have been put forward meanwhile.
    const other = before?.seconds !== view.seconds || times.shift !== this.#times.shift;
    if (other) this.#times = times;
    if (before?.theme !== view.theme) this.#paint();
    const made = this.#make(before, view);
    const from = made || other || before === null ? null : changedFrom(before.candles, view.candles, view.seconds);
    // Times of two intervals at once are more than the chart can find its way in.
    if (other) for (const series of this.#lines.values()) series.setData([]);
    if (from === null) this.#drawAll(view);
    else this.#drawFrom(before?.lines ?? [], view, from);
    if (other || from === null || before.bands !== view.bands || before.theme !== view.theme) {
      this.#hatching.set(view.bands, this.#times, this.#colours.warn);
    }
    if (before === null) requestAnimationFrame(() => this.#appear());
    this.#markLast(view);
    if (before?.log !== view.log) {
      const mode = view.log ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal;
      this.#price?.priceScale().applyOptions({ mode });
    }
  }

  /** Show the newest candles since a moment; all with -Infinity. @param {number} since s */
  show(since) {
    const view = this.#view;
    if (view === null || view.candles.length === 0) return;
    if (this.#place.hidden) {
      this.#since = since;
      return;
    }
    const steps = stepsOf(view.candles, view.seconds);
    const last = /** @type {number} */ (steps.at(-1));
    // What is not here yet is counted, too: it is seen as soon as it comes.
    const count = since === -Infinity ? steps.length : Math.ceil((last - since) / view.seconds);
    const shown = Math.max(count, 2);
    const from = steps.length - shown;
    const free = Math.max(OFFSET, shown * FREE_PART);
    this.#chart.timeScale().setVisibleLogicalRange({ from, to: steps.length - 1 + free });
  }

  /** Return a picture of all panes; nothing before anything is drawn. */
  picture() {
    return this.#place.hidden ? undefined : this.#chart.takeScreenshot(true, false);
  }

  /** Take the chart away, with everything that listens for it. */
  remove() {
    this.#chart.remove();
    this.#place.remove();
  }

  /** Be seen: it has a width from now on, and only then a place in time. */
  #appear() {
    this.#place.hidden = false;
    if (this.#since === null) this.#chart.timeScale().resetTimeScale();
    else this.show(this.#since);
  }

  #paint() {
    this.#colours = palette();
    this.#bars = barColours(this.#colours);
    this.#chart.applyOptions(frameOptions(this.#colours));
  }

  /**
   * Make the series that the view wants; return whether any of them is new, and so without data.
   *
   * @param {View | null} before
   * @param {View} view
   */
  #make(before, view) {
    const names = view.lines.map((line) => line.name).join();
    const same =
      before !== null &&
      before.type === view.type &&
      before.theme === view.theme &&
      before.lines.map((line) => line.name).join() === names;
    if (!same) {
      for (const series of this.#lines.values()) this.#chart.removeSeries(series);
      this.#lines.clear();
      if (before?.type !== view.type || before.theme !== view.theme) this.#makePrice(view);
      for (const line of view.lines) this.#lines.set(line.name, this.#makeLine(line, view));
      this.#chart.panes().forEach((pane, index) => {
        pane.setStretchFactor(HEIGHTS[panesOf(view)[index] ?? "price"]);
      });
    }
    if (!same || before.decimals !== view.decimals) {
      this.#price?.applyOptions(formatOf("price", view.decimals));
    }
    return !same;
  }

  /**
   * Say the last price and when its candle closes: of the last candle, also where others are seen.
   *
   * @param {View} view
   */
  #markLast({ candles, countdown, old, type }) {
    const { up, down, accent, muted, surface } = this.#colours;
    const last = candles.at(-1);
    const shown = last !== undefined;
    const live = type === "line" || !shown ? accent : last.close >= last.open ? up : down;
    this.#last?.applyOptions({
      price: last?.close ?? 0,
      title: old ? "stale" : countdown,
      color: old ? muted : live,
      axisLabelTextColor: surface,
      axisLabelVisible: shown,
      lineVisible: shown,
    });
  }

  /** @param {View} view */
  #makePrice({ type, log }) {
    if (this.#price !== null) this.#chart.removeSeries(this.#price);
    const shared = { priceLineVisible: false, lastValueVisible: false };
    const colours = this.#colours;
    this.#price =
      type === "line"
        ? this.#chart.addSeries(LineSeries, {
            ...shared,
            color: colours.accent,
            lineWidth: 2,
          })
        : this.#chart.addSeries(CandlestickSeries, { ...shared, ...candleOptions(colours) });
    this.#last = this.#price.createPriceLine({ price: 0, lineStyle: LineStyle.Dotted, lineWidth: 1 });
    if (log) this.#price.priceScale().applyOptions({ mode: PriceScaleMode.Logarithmic });
    this.#price.attachPrimitive(this.#hatching);
  }

  /** @param {Line} line @param {View} view @returns {Drawn} */
  #makeLine({ kind, colour, pane, dashed, study, levels }, view) {
    const quiet = { priceLineVisible: false, lastValueVisible: false };
    const index = panesOf(view).indexOf(pane);
    const format = formatOf(pane, view.decimals);
    if (kind === "bars") {
      return this.#chart.addSeries(HistogramSeries, { ...quiet, ...format }, index);
    }
    const made = this.#chart.addSeries(
      LineSeries,
      {
        ...quiet,
        ...format,
        ...fittedTo(levels),
        color: this.#colours[colour || "accent"],
        lineWidth: 1,
        lineStyle: dashed ? LineStyle.Dashed : LineStyle.Solid,
        lineType: study === "average" ? LineType.WithSteps : LineType.Simple,
        crosshairMarkerVisible: false,
      },
      index,
    );
    const { muted: color } = this.#colours;
    for (const level of levels) made.createPriceLine({ ...LEVEL, price: level, color });
    return made;
  }

  /** @param {View} view */
  #drawAll({ candles, seconds, lines, type }) {
    const times = this.#times;
    const steps = stepsOf(candles, seconds);
    let place = 0;
    this.#places = new Map(candles.map(({ time }, index) => [times.stamp(time), index]));
    this.#price?.setData(
      steps.map((time) => {
        const candle = candles[place];
        if (candle?.time !== time) return { time: times.stamp(time) };
        place += 1;
        const bar = this.#bar(candle);
        const next = candles[place];
        const torn = next !== undefined && next.time > time + seconds;
        return type === "line" && torn ? { ...bar, ...UNSEEN } : bar;
      }),
    );
    for (const line of lines) {
      this.#lines
        .get(line.name)
        ?.setData(candles.map((candle, index) => this.#point(line, candle, index)));
    }
  }

  /** @param {readonly Line[]} before @param {View} view @param {number} from index */
  #drawFrom(before, { candles, lines }, from) {
    const last = this.#places.size - 1;
    for (let index = from; index < candles.length; index += 1) {
      const candle = /** @type {Candle} */ (candles[index]);
      const old = index < last;
      this.#places.set(this.#times.stamp(candle.time), index);
      this.#price?.update(this.#bar(candle), old);
      for (const line of lines) {
        this.#lines.get(line.name)?.update(this.#point(line, candle, index), old);
      }
    }
    // The average of an hour that is not of these candles: it came later than they did.
    for (const [at, line] of lines.entries()) {
      if (line.study !== "average" || isSameUntil(before[at]?.values, line.values, from)) continue;
      this.#lines
        .get(line.name)
        ?.setData(candles.map((candle, index) => this.#point(line, candle, index)));
    }
  }

  /**
   * One that the exchange published is hollow and pale: told apart without colours, too.
   *
   * @param {Candle} candle
   */
  #bar({ time: at, open, high, low, close, published }) {
    const time = this.#times.stamp(at);
    if (this.#view?.type === "line") return { time, value: close };
    const drawn = { time, open, high, low, close };
    if (!published) return drawn;
    const pale = this.#colours[close >= open ? "up-pale" : "down-pale"];
    return { ...drawn, color: this.#colours.surface, borderColor: pale, wickColor: pale };
  }

  /** @param {Line} line @param {Candle} candle @param {number} index */
  #point({ values, kind, pane }, candle, index) {
    const time = this.#times.stamp(candle.time);
    const value = values[index] ?? null;
    if (value === null) return { time };
    if (kind === "line") return { time, value };
    const rises = pane === "volume" ? candle.close >= candle.open : value >= 0;
    const pale = candle.published && pane === "volume";
    return { time, value, color: this.#bars[Number(rises)]?.[Number(pale)] };
  }

  #tellSeen() {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    const found = range === null ? null : this.#price?.barsInLogicalRange(range);
    if (found == null || found.from === undefined || found.to === undefined) return;
    this.#handlers.onSeen({
      from: this.#times.moment(found.from),
      to: this.#times.moment(found.to),
      before: found.barsBefore,
    });
  }
}

/** The panes that a view has, from above. @param {View} view */
function panesOf({ lines }) {
  return [...new Set(["price", ...lines.map((line) => line.pane)])].map(
    (pane) => /** @type {keyof typeof HEIGHTS} */ (pane),
  );
}

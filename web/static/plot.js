/**
 * A candle chart on a canvas: the one place that knows lightweight-charts.
 *
 * In come candles (sorted, one per time), the hour's average and the decimals of the price; out go
 * pixels and, when the pointer is over a candle, that candle. It takes its colours from the style
 * sheet's tokens and never opens a connection.
 *
 * @module
 */

import { CandlestickSeries, LineSeries, LineStyle, createChart } from "lightweight-charts";
import { effect, untracked } from "@preact/signals";
import { changesToDraw, follow } from "./candles.js";
import { DECIMALS_MIN, price, time } from "./format.js";
import { theme } from "./theme.js";

/** @typedef {import("./candles.js").Candle} Candle */
/** @typedef {import("lightweight-charts").UTCTimestamp} Stamp */

/** Width of a candle with its gap, px. */
const CANDLE_PX = 6;

/** @param {string} name a custom property @returns {string} the colour that it is now */
function token(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.documentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/**
 * @param {unknown} at seconds
 * @returns {string} the axis' mark: the time, or the date at midnight
 */
function mark(at) {
  const ms = Number(at) * 1000;
  const date = new Date(ms);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return midnight
    ? date.toLocaleDateString(undefined, { day: "numeric", month: "short" })
    : time(ms, ms, { seconds: false });
}

/** @param {unknown} at seconds @returns {string} the time under the crosshair */
function stamp(at) {
  return time(Number(at) * 1000, Date.now(), { seconds: false });
}

function colours() {
  const text = token("--muted");
  const border = token("--border");
  const crosshair = { color: text, labelBackgroundColor: token("--surface-2") };
  return {
    layout: { textColor: text },
    grid: { horzLines: { color: border } },
    crosshair: { vertLine: crosshair, horzLine: crosshair },
  };
}

function candleColours() {
  const up = token("--up");
  const down = token("--down");
  return {
    upColor: up,
    wickUpColor: up,
    borderUpColor: up,
    downColor: down,
    wickDownColor: down,
    borderDownColor: down,
  };
}

/**
 * One that the exchange published is hollow and pale: told apart without colours, too.
 *
 * @param {Candle} candle
 */
function bar({ time: at, open, high, low, close, published }) {
  const drawn = { time: /** @type {Stamp} */ (at), open, high, low, close };
  if (!published) return drawn;
  const pale = token(close >= open ? "--up-pale" : "--down-pale");
  return { ...drawn, color: "transparent", borderColor: pale, wickColor: pale };
}

/**
 * Make a chart that fills `container` and follows its size.
 *
 * @param {HTMLElement} container
 * @param {(candle: Candle | null) => void} onPoint the candle under the pointer, or null
 */
export function makePlot(container, onPoint) {
  /** @type {Map<number, Candle>} */
  const drawn = new Map();
  let decimals = DECIMALS_MIN;
  let generation = -1;
  let averaged = "";
  const format = (/** @type {number} */ value) => price(value, decimals);

  const chart = createChart(container, {
    autoSize: true,
    layout: {
      attributionLogo: false, // the footer names and links TradingView
      background: { color: "transparent" },
      fontFamily: getComputedStyle(container).fontFamily,
      fontSize: 11,
    },
    grid: { vertLines: { visible: false } },
    rightPriceScale: {
      borderVisible: false,
      entireTextOnly: true,
      scaleMargins: { top: 0.08, bottom: 0.08 },
    },
    timeScale: {
      borderVisible: false,
      timeVisible: true,
      secondsVisible: false,
      rightOffset: 3,
      barSpacing: CANDLE_PX,
      minBarSpacing: 1,
      tickMarkFormatter: mark,
    },
    localization: { timeFormatter: stamp, priceFormatter: format },
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
  });
  const candleSeries = chart.addSeries(CandlestickSeries, { priceLineStyle: LineStyle.Dotted });
  const averageSeries = chart.addSeries(LineSeries, {
    lineWidth: 1,
    lineStyle: LineStyle.Dashed,
    lastValueVisible: false,
    priceLineVisible: false,
    crosshairMarkerVisible: false,
    pointMarkersVisible: false,
  });

  function paint() {
    chart.applyOptions(colours());
    candleSeries.applyOptions(candleColours());
    averageSeries.applyOptions({ color: token("--accent") });
    candleSeries.setData([...drawn.values()].sort((a, b) => a.time - b.time).map(bar));
  }
  const unpaint = effect(() => {
    void theme.value;
    untracked(paint);
  });
  chart.subscribeCrosshairMove(({ time: at }) => {
    onPoint(at === undefined ? null : (drawn.get(Number(at)) ?? null));
  });

  /** @param {number} next */
  function setDecimals(next) {
    if (next === decimals) return;
    decimals = next;
    candleSeries.applyOptions({
      priceFormat: { type: "custom", formatter: format, minMove: 10 ** -decimals },
    });
  }

  /** @param {readonly Candle[]} candles @param {number} loaded */
  function drawCandles(candles, loaded) {
    const changes = loaded === generation ? changesToDraw(drawn, candles) : null;
    if (changes === null) {
      candleSeries.setData(candles.map(bar));
      drawn.clear();
      for (const candle of candles) drawn.set(candle.time, candle);
      generation = loaded;
      averaged = "";
      return;
    }
    if (changes.length === 0) return;
    const last = Math.max(...drawn.keys());
    for (const candle of changes) {
      candleSeries.update(bar(candle), candle.time < last);
      drawn.set(candle.time, candle);
    }
  }

  /**
   * Draw the average as a line from the hour's first candle of trades to the last.
   *
   * @param {number | null} average
   * @param {number | null} hourStart ms
   * @param {readonly Candle[]} candles
   */
  function drawAverage(average, hourStart, candles) {
    const from = candles.find(
      ({ time: at, published }) => hourStart !== null && at * 1000 >= hourStart && !published,
    );
    const to = candles.at(-1);
    const wanted = average === null ? "" : `${from?.time} ${to?.time} ${format(average)}`;
    if (wanted === averaged) return;
    averaged = wanted;
    if (average === null || from === undefined || to === undefined) {
      averageSeries.setData([]);
      return;
    }
    const times = from.time === to.time ? [from.time] : [from.time, to.time];
    averageSeries.setData(times.map((at) => ({ time: /** @type {Stamp} */ (at), value: average })));
  }

  return {
    /**
     * Draw what changed.
     *
     * @param {import("./store.js").Chart} state
     * @param {import("./store.js").Card} card
     */
    draw(state, card) {
      setDecimals(card.decimals);
      drawCandles(follow(state.candles, card), state.loaded);
      drawAverage(card.hourAverage, card.hourStart, state.candles);
    },
    /** Take the chart away, with everything that listens for it. */
    remove() {
      unpaint();
      chart.remove();
    },
  };
}

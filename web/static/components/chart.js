/**
 * The one-minute candles of one symbol, live: since when, the candle under the pointer, and what
 * to do when the stored ones could not be read.
 *
 * It draws only what can be seen, at most once per animation frame.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { computed, effect, useComputed, useSignal } from "@preact/signals";
import * as format from "../format.js";
import { drawNever, drawSoon } from "../drawing.js";
import { loadCandles } from "../loader.js";
import { makePlot } from "../plot.js";
import { cardOf, chartOf, clock, connected, database } from "../state.js";

/** A chart this near to what can be seen is drawn, so that scrolling finds it ready. */
const NEAR = "200px";

/** @typedef {import("../candles.js").Candle} Candle */

/** @param {{name: string}} props the symbol's key */
export function Chart({ name }) {
  const card = cardOf(name);
  const chart = chartOf(name);
  const pointed = useSignal(/** @type {Candle | null} */ (null));
  // The banner says why where the database is away.
  const error = useComputed(() => chart.value.error);
  const why = typeof database.value === "object" ? "" : `: ${error.value}`;
  const since = useComputed(() => sinceOf(chart.value));
  const published = useComputed(() => chart.value.candles[0]?.published === true);
  const container = useRef(/** @type {HTMLDivElement | null} */ (null));

  useEffect(() => {
    const element = container.current;
    return element === null
      ? undefined
      : keepDrawn(name, element, (candle) => {
          pointed.value = candle;
        });
  }, [name]);

  const { symbol, exchange } = card.peek();
  const whole = `1-minute ${since.value}`;
  const pale = published.value ? "; the pale ones are the exchange's own history" : "";
  return html`
    <div class="chart">
      <p class=${published.value ? "legend two" : "legend"}>
        ${
          pointed.value === null
            ? html`<span class="since" title=${whole + pale}
                  ><span class="long">1-minute </span>${since}</span
                >${
                published.value &&
                html`<span class="published-key" title="from before trades were stored here"
                  >exchange’s own</span
                >`
              }<span class="average-key">hour average</span>`
            : html`<span>${describe(pointed.value, card.peek().decimals)}</span>`
        }
      </p>
      <div
        class="plot"
        ref=${container}
        role="img"
        aria-label=${`${symbol} on ${exchange}: ${whole}${pale}`}
      ></div>
      ${
        error.value !== null &&
        html`<p class="chart-error">
        <span>No stored candles${why}</span>
        <button type="button" class="quiet-button" onClick=${() => loadCandles(name)}>Retry</button>
      </p>`
      }
    </div>
  `;
}

/**
 * Keep the chart in `element` up to date while it can be seen; return how to end that.
 *
 * @param {string} name
 * @param {HTMLElement} element
 * @param {(candle: Candle | null) => void} onPoint
 * @returns {() => void}
 */
function keepDrawn(name, element, onPoint) {
  const plot = makePlot(element, onPoint);
  const draw = () => plot.draw(chartOf(name).peek(), cardOf(name).peek());
  let seen = false;
  const watcher = new IntersectionObserver(
    (entries) => {
      seen = entries.at(-1)?.isIntersecting ?? false;
      if (seen) drawSoon(draw);
    },
    { rootMargin: NEAR },
  );
  watcher.observe(element);
  // A price that moves needs no drawing of its own: its candle comes right after it. But when no
  // more may come, the last candle is drawn with the last price.
  const averaged = computed(() => cardOf(name).value.hourAverage !== null);
  const frozen = computed(() => cardOf(name).value.stale || !connected.value);
  const decimals = computed(() => cardOf(name).value.decimals);
  const stop = effect(() => {
    void chartOf(name).value;
    void averaged.value;
    void frozen.value;
    void decimals.value;
    if (seen) drawSoon(draw);
  });
  return () => {
    stop();
    watcher.disconnect();
    drawNever(draw);
    plot.remove();
  };
}

/** @param {import("../store.js").Chart} chart @returns {string} */
function sinceOf({ candles, load }) {
  const first = candles[0];
  if (first === undefined)
    return load === "loading" ? "candles are loading" : "candles begin with the next trade";
  return `candles since ${format.time(first.time * 1000, clock.value, { seconds: false })}`;
}

/** @param {Candle} candle @param {number} decimals */
function describe({ time, open, high, low, close, volume, published }, decimals) {
  const at = format.time(time * 1000, clock.peek(), { seconds: false });
  const [o, h, l, c] = [open, high, low, close].map((value) => format.price(value, decimals));
  const whose = published ? "  exchange’s own" : "";
  return `${at}  O ${o}  H ${h}  L ${l}  C ${c}  V ${format.volume(volume)}${whose}`;
}

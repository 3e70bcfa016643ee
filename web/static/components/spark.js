/**
 * The last 24 hours of one symbol: a line of hourly closes over their range, the hour's average,
 * since when, and what to do when the stored hours could not be read.
 *
 * @module
 */

import { html } from "htm/preact";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { loadCandles } from "../loader.js";
import { HEIGHT, WIDTH, lastDay, sparkline } from "../sparkline.js";
import { cardOf, chartOf, clock, database } from "../state.js";

/** In the order in which they are painted. */
const LINES = /** @type {const} */ (["range", "average", "published", "own", "last"]);

/** @param {{name: string}} props the symbol's key */
export function Spark({ name }) {
  const card = cardOf(name);
  const chart = chartOf(name);
  // The banner says why where the database is away.
  const error = useComputed(() => chart.value.error).value;
  const why = typeof database.value === "object" ? "" : `: ${error}`;
  const candles = useComputed(() => lastDay(chart.value.candles));
  const since = useComputed(() => sinceOf(candles.value[0], chart.value.load));
  const published = useComputed(() => candles.value.some((candle) => candle.published)).value;
  const rose = useComputed(() => Math.sign(card.value.changePercent ?? 0)).value;
  const lines = useComputed(() => {
    const { price, hourAverage } = card.value;
    return sparkline(candles.value, price, hourAverage);
  });
  const paths = LINES.map((line) => useComputed(() => lines.value[line]));
  const { symbol, exchange } = card.peek();
  const pale = published ? "; the pale part is the exchange's own history" : "";
  return html`<div class="spark">
    <p class="spark-legend">
      <span class="since" title=${`Closes and ranges of hours${pale}`}>${since}</span>
      ${
        published &&
        html`<span class="published-key" title="from before trades were stored here"
          >exchange’s own</span
        >`
      }
      <span class="average-key">hour average</span>
    </p>
    <svg
      class=${`spark-plot ${["down", "", "up"][rose + 1]}`}
      viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label=${`${symbol} on ${exchange}: prices of the last 24 hours${pale}`}
    >
      ${LINES.map((line, index) => html`<path key=${line} class=${`line-${line}`} d=${paths[index]} />`)}
    </svg>
    <${Range} name=${name} />
    ${
      error !== null &&
      html`<p class="spark-error">
        <span>No stored candles${why}</span>
        <button type="button" class="quiet-button" onClick=${() => loadCandles(name)}>Retry</button>
      </p>`
    }
  </div>`;
}

/** @param {{name: string}} props */
function Range({ name }) {
  const card = cardOf(name);
  const shown = useComputed(() => {
    const { low, high, decimals } = card.value;
    if (low === null || high === null) return format.DASH;
    const [from, to] = [low, high].map(
      (value) => html`<data value=${format.full(value)}>${format.price(value, decimals)}</data>`,
    );
    return html`${from} – ${to}`;
  });
  return html`<p class="spark-range">
    <span class="label">24${"\u202f"}h range</span>
    <span>${shown.value} <span class="quote">${card.peek().quote}</span></span>
  </p>`;
}

/** @param {import("../candles.js").Candle | undefined} first @param {string} load */
function sinceOf(first, load) {
  if (first === undefined)
    return load === "loading" ? "Hours are loading" : "Begins with the next trade";
  return `Since ${format.time(first.time * 1000, clock.value, { seconds: false })}`;
}

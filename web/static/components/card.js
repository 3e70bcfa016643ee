/**
 * One symbol: price, when it was last heard of, this hour's average, the change of 24 hours, and
 * its chart. Everything is greyed when the price is stale or the backend away, and a chip says why.
 *
 * @module
 */

import { html } from "htm/preact";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { cardOf, clock, feeds, unreachable } from "../state.js";
import { Chart } from "./chart.js";

/** @typedef {import("../store.js").Card} CardState */

const DAY = "24\u202fh";
const NO_CHANGE = "24-hour change: not enough data yet";

/** @param {{name: string}} props the symbol's key */
export function Card({ name }) {
  const card = cardOf(name);
  const chip = useComputed(() => chipOf(card.value));
  const old = useComputed(() => card.value.stale || unreachable.value);
  const waiting = useComputed(() => card.value.price === null);
  const { symbol, exchange } = card.peek();
  return html`
    <article class=${`card${old.value ? " old" : ""}`} aria-label=${`${symbol} on ${exchange}`}>
      <header class="card-head">
        <h2 class="symbol">${symbol}</h2>
        <span class="exchange">${exchange}</span>
        <${Updated} name=${name} />
      </header>
      ${
        waiting.value
          ? html`<p class="price-row waiting">${waitsFor(symbol, exchange)}</p>`
          : html`<div class="price-row"><${Price} name=${name} /><${Change} name=${name} /></div>`
      }
      <${HourAverage} name=${name} />
      <${Chart} name=${name} />
      ${chip.value !== null && html`<p class="chip">${chip.value}</p>`}
    </article>
  `;
}

/** @param {string} symbol @param {string} exchange why there is no price */
function waitsFor(symbol, exchange) {
  const of = feeds.value[exchange]?.symbols.find((one) => one.symbol === symbol);
  if (of?.state === "standby") return `Stands by for ${of.stands_in_for}`;
  if (of?.listed !== false) return "Waiting for the first trade";
  return `Not listed by ${exchange}${of.nearest ? `: ${of.nearest}?` : ""}`;
}

/** @param {CardState} card @returns {string | null} */
export function chipOf({ stale, quiet, bornAt, exchange }) {
  if (bornAt === null || !(stale || quiet)) return null;
  const age = format.duration(clock.value - bornAt);
  if (!stale) return `quiet ${age}: no trades on this market`;
  const feed = feeds.value[exchange];
  const away = feed !== undefined && feed.state !== "connected" && feed.silent !== true;
  return `stale ${age}: ${away ? `${exchange} is ${feed.state}` : `no trades from ${exchange}`}`;
}

/**
 * The price; its changed digits and its ground show the direction.
 *
 * @param {{name: string}} props
 */
function Price({ name }) {
  const { price, previous, decimals, moves, quote } = cardOf(name).value;
  const text = format.price(price, decimals);
  const before = previous === null ? null : format.price(previous, decimals);
  const [same, changed] = format.splitChanged(text, before);
  const arrow = price === null || previous === null ? "" : format.arrow(price - previous);
  const direction = arrow === "▲" ? "up" : arrow === "▼" ? "down" : "";
  const flash = direction && `flash-${moves % 2}`;
  return html`<p class=${`price ${direction} ${flash}`}>
    <span class="value">${same}<span class="changed">${changed}</span></span>
    <span class="quote">${quote}</span>
    <span class="arrow" aria-hidden="true">${arrow}</span>
  </p>`;
}

/** @param {{name: string}} props */
function Change({ name }) {
  const card = cardOf(name);
  const percent = useComputed(() => card.value.changePercent).value;
  if (percent === null) {
    return html`<p class="change" title=${NO_CHANGE}>
      <span aria-hidden="true">${format.DASH} <span class="label">${DAY}</span></span>
      <span class="unseen">${NO_CHANGE}</span>
    </p>`;
  }
  const direction = percent > 0 ? "up" : percent < 0 ? "down" : "";
  return html`<p class="change">
    <span class=${direction}>${format.change(percent)}</span>${" "}
    <span class="label">${DAY}</span>
  </p>`;
}

/** @param {{name: string}} props */
function Updated({ name }) {
  const card = cardOf(name);
  const at = useComputed(() => {
    const { ts } = card.value;
    return ts === null ? null : format.time(ts, clock.value);
  });
  const age = useComputed(() => {
    const { bornAt } = card.value;
    return bornAt === null ? "" : format.age(clock.value - bornAt);
  });
  const hover = useComputed(() => {
    const { ts } = card.value;
    return ts === null ? "" : `Last trade: ${format.moment(ts)}`;
  });
  if (at.value === null) return html`<span class="updated">never received</span>`;
  return html`<span class="updated" title=${hover}>
    <span class="at">${at}</span> · <span class="age">${age}</span>
  </span>`;
}

/** @param {{name: string}} props */
function HourAverage({ name }) {
  const card = cardOf(name);
  const shown = useComputed(() => {
    const { hourAverage, decimals } = card.value;
    return format.price(hourAverage, decimals);
  });
  const trades = useComputed(() => {
    const { hourCount } = card.value;
    return `${format.count(hourCount)} ${hourCount === 1 ? "trade" : "trades"}`;
  });
  const hour = useComputed(() => {
    const { hourStart, partial } = card.value;
    if (hourStart === null) return "";
    const all = `Average price of the trades of ${format.utcHour(hourStart)}`;
    return partial ? `${all}; this hour's first trades are missing` : all;
  });
  const partial = useComputed(() => card.value.partial && card.value.hourAverage !== null);
  return html`<p class="hour" title=${hour}>
    <span class="label">Hour avg</span>
    <span class="value">${shown}</span>
    <span class="quote">${card.peek().quote}</span>
    <span class="label count">
      ${trades}${partial.value && html`<span class="partial"> · partial</span>`}
    </span>
  </p>`;
}

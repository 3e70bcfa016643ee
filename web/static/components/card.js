/**
 * One symbol: price, when it was last heard of, this hour's average, the change of 24 hours, and
 * their line. Everything is greyed when the price is stale or the backend away, and a chip says
 * why. The whole card is a link; it listens to its symbol while it is near what can be seen.
 *
 * @module
 */

import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { useComputed, useSignalEffect } from "@preact/signals";
import * as format from "../format.js";
import { wantCandles } from "../loader.js";
import { useNear } from "../near.js";
import { symbolPath } from "../routes.js";
import { cardOf, clock, demand, feeds, isOld } from "../state.js";
import { CHART_INTERVAL } from "../store.js";
import { Change, Price } from "./price.js";
import { Spark } from "./spark.js";

/** @typedef {import("../store.js").Card} CardState */

const DAY = "24\u202fh";

/** @param {{name: string}} props the symbol's key */
export function Card({ name }) {
  const card = cardOf(name);
  const chip = useComputed(() => chipOf(card.value));
  const old = useComputed(() => isOld(name));
  const waiting = useComputed(() => card.value.price === null);
  const { symbol, exchange } = card.peek();
  const title = `${symbol} on ${exchange}`;
  const article = useRef(/** @type {HTMLElement | null} */ (null));
  const near = useNear(article);
  useSignalEffect(() => (near.value ? follow(name) : undefined));
  return html`
    <article
      class=${`card${old.value ? " old" : ""}`}
      aria-label=${title}
      ref=${article}
      onClick=${lead}
    >
      <header class="card-head">
        <h2 class="symbol">
          <a class="card-link" href=${symbolPath(name)} aria-label=${title}>${symbol}</a>
        </h2>
        <span class="exchange">${exchange}</span>
        <${Updated} name=${name} />
      </header>
      ${
        waiting.value
          ? html`<p class="price-row waiting">${waitsFor(symbol, exchange)}</p>`
          : html`<div class="price-row"><${Price} name=${name} /><${Change} name=${name} unit=${DAY} /></div>`
      }
      <${HourAverage} name=${name} />
      <${Spark} name=${name} />
      ${chip.value !== null && html`<p class="chip">${chip.value}</p>`}
    </article>
  `;
}

/**
 * Follow the card's link from what lies over it, unless somebody selects it to copy it.
 *
 * @param {MouseEvent & {currentTarget: HTMLElement}} event
 */
function lead(event) {
  const on = event.target instanceof Element ? event.target.closest("a, button") : null;
  if (on !== null || String(getSelection()) !== "") return;
  event.currentTarget.querySelector("a")?.dispatchEvent(new MouseEvent("click", event));
}

/** Hear of a symbol until what is returned is called. @param {string} name */
function follow(name) {
  const ends = [
    demand({ channel: "ticker", symbols: [name] }),
    demand({ channel: "candle", symbols: [name], interval: CHART_INTERVAL }),
    wantCandles(name),
  ];
  return () => ends.forEach((end) => end());
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
    <span class="at">${at} · </span><span class="age">${age}</span>
  </span>`;
}

/** @param {{name: string}} props */
function HourAverage({ name }) {
  const card = cardOf(name);
  const shown = useComputed(() => {
    const { hourAverage, decimals } = card.value;
    return format.price(hourAverage, decimals);
  });
  const whole = useComputed(() => format.full(card.value.hourAverage));
  const trades = useComputed(() => {
    const { hourStart, hourCount } = card.value;
    if (hourStart === null) return "";
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
    <data class="value" value=${whole}>${shown}</data>${" "}
    <span class="quote">${card.peek().quote}</span>
    <span class="label count">
      ${trades}${partial.value && html`<span class="partial"> · partial</span>`}
    </span>
  </p>`;
}

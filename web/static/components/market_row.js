/**
 * One symbol in the table of all of them. The row is a link; its values are those of its card.
 *
 * @module
 */

import { html } from "htm/preact";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { symbolPath } from "../routes.js";
import { HEIGHT, WIDTH, line } from "../sparkline.js";
import { cardOf, clock, isOld } from "../state.js";
import { Change, Price } from "./price.js";

/** @param {{name: string, at: number}} props the symbol's key, and its place from 0 */
export function MarketRow({ name, at }) {
  const card = cardOf(name);
  const old = useComputed(() => isOld(name)).value;
  const { symbol, exchange } = card.peek();
  return html`<div
    class=${`market-row${old ? " old" : ""}`}
    role="row"
    aria-rowindex=${at + 2}
    data-at=${at}
    ref=${(/** @type {HTMLElement | null} */ row) => row?.style.setProperty("--at", String(at))}
  >
    <div class="cell cell-symbol" role="rowheader">
      <a class="row-link" href=${symbolPath(name)} aria-label=${`${symbol} ${exchange}`}>
        ${symbol}${" "}<span class="exchange below">${exchange}</span>
      </a>
    </div>
    <div class="cell cell-exchange" role="cell">${exchange}</div>
    <div class="cell cell-price" role="cell"><${Price} name=${name} /></div>
    <div class="cell cell-change" role="cell"><${Line} name=${name} /><${Change} name=${name} /></div>
    <${Values} name=${name} />
    <div class="cell cell-updated" role="cell"><${Updated} name=${name} /></div>
  </div>`;
}

/** What changes less often than the price. @param {{name: string}} props */
function Values({ name }) {
  const card = cardOf(name);
  const [base, quote] = card.peek().symbol.split("-");
  const price = (/** @type {"high" | "low" | "hourAverage"} */ which) => {
    const shown = useComputed(() => format.price(card.value[which], card.value.decimals));
    const whole = useComputed(() => format.full(card.value[which]));
    return html`<data value=${whole}>${shown}</data>${" "}<span class="quote">${quote}</span>`;
  };
  // Rows are compared by it: what was traded at the present price.
  const volume = useComputed(() => {
    const { volume: amount, price: now } = card.value;
    return format.compact(amount && now && amount * now);
  });
  const traded = useComputed(() => {
    const value = card.value.volume;
    return value === null ? "Not known yet" : `${format.volume(value)} ${base}`;
  });
  return html`
    <div class="cell cell-high" role="cell">${price("high")}</div>
    <div class="cell cell-low" role="cell">${price("low")}</div>
    <div class="cell cell-volume" role="cell" title=${traded}>
      ${volume}${" "}<span class="quote">${quote}</span>
    </div>
    <div class="cell cell-average" role="cell">${price("hourAverage")}</div>
  `;
}

/** @param {{name: string}} props */
function Line({ name }) {
  const card = cardOf(name);
  const path = useComputed(() => line(card.value.closes));
  const direction = useComputed(() => {
    const percent = card.value.changePercent ?? 0;
    return `row-line ${percent > 0 ? "up" : percent < 0 ? "down" : ""}`;
  });
  return html`<svg
    class=${direction}
    viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    <path d=${path} />
  </svg>`;
}

/** @param {{name: string}} props */
function Updated({ name }) {
  const card = cardOf(name);
  const shown = useComputed(() => {
    const { bornAt, stale } = card.value;
    if (bornAt === null) return "never received";
    const ms = clock.value - bornAt;
    return stale ? `stale ${format.duration(ms)}` : format.age(ms);
  });
  return html`<span>${shown}</span>`;
}

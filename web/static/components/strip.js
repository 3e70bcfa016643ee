/**
 * The line on top of a symbol's page: its price large, the last 24 hours, this hour's average, the
 * price of what is traded over all exchanges, and how good the data are.
 *
 * @module
 */

import { html } from "htm/preact";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { cardOf, clock, isOld } from "../state.js";
import { chipOf } from "./card.js";
import { Change, Price } from "./price.js";

const DAY = "24\u202fh";

/**
 * @param {object} props
 * @param {string} props.name the symbol's key
 * @param {import("../messages.js").Quality | undefined} props.quality
 * @param {any} props.consolidated the `data` of `/api/market/price`, null before it is known
 */
export function Strip({ name, quality, consolidated }) {
  const card = cardOf(name);
  const { symbol, exchange, quote } = card.peek();
  const base = symbol.slice(0, symbol.indexOf("-"));
  const old = useComputed(() => isOld(name));
  const chip = useComputed(() => chipOf(card.value));
  return html`<header class=${`strip${old.value ? " old" : ""}`}>
    <div class="strip-head">
      <h1 class="symbol">${symbol}</h1>
      <span class="exchange">${exchange}</span>
    </div>
    <div class="strip-price"><${Price} name=${name} /><${Change} name=${name} unit=${DAY} /></div>
    <dl class="facts">
      <${Day} name=${name} quote=${quote} base=${base} />
      <${Hour} name=${name} />
      ${median(base, consolidated)}
      <${Age} name=${name} />
      <${Quality} row=${quality} />
    </dl>
    ${chip.value !== null && html`<p class="strip-chip">${chip.value}</p>`}
  </header>`;
}

/** @param {string} label @param {unknown} value @param {string} [title] */
function fact(label, value, title = "") {
  return html`<div class="fact" title=${title}>
    <dt>${label}</dt>
    <dd>${value}</dd>
  </div>`;
}

/** @param {number | null} whole @param {string} value @param {string} unit */
function united(whole, value, unit) {
  return value === format.DASH
    ? value
    : html`<data value=${format.full(whole)}>${value}</data> <span class="quote">${unit}</span>`;
}

/** @param {{name: string, quote: string, base: string}} props */
function Day({ name, quote, base }) {
  const { high, low, volume, decimals } = cardOf(name).value;
  const traded = volume === null ? format.DASH : format.volume(volume);
  return [
    fact(`High ${DAY}`, united(high, format.price(high, decimals), quote)),
    fact(`Low ${DAY}`, united(low, format.price(low, decimals), quote)),
    fact(`Volume ${DAY}`, united(volume, traded, base)),
  ];
}

/** @param {{name: string}} props */
function Hour({ name }) {
  const { hourAverage, hourCount, hourStart, decimals, partial, quote } = cardOf(name).value;
  const trades = `${format.count(hourCount)} ${hourCount === 1 ? "trade" : "trades"}`;
  const of = hourStart === null ? "" : `Average of the trades of ${format.utcHour(hourStart)}`;
  const whole = hourAverage === null ? "" : `: ${hourAverage} ${quote}`;
  return fact(
    "Hour average",
    html`${united(hourAverage, format.price(hourAverage, decimals), quote)}${" "}
      <span class="label">${trades}${partial && hourAverage !== null ? " · partial" : ""}</span>`,
    of + whole,
  );
}

/** @param {{name: string}} props */
function Age({ name }) {
  const card = cardOf(name);
  const said = useComputed(() => {
    const { bornAt } = card.value;
    return bornAt === null ? "never received" : format.age(clock.value - bornAt);
  });
  const at = useComputed(() => (card.value.ts === null ? "" : format.moment(card.value.ts)));
  return fact("Last trade", html`<span class="age">${said}</span>`, at.value);
}

/**
 * @param {string} base
 * @param {any} of null before it is known, and for what has no price in dollars
 */
function median(base, of) {
  const sources = of?.sources ?? [];
  const { length } = sources.filter((/** @type {any} */ one) => one.excluded === null);
  const said = sources.map(
    (/** @type {any} */ one) => `${one.exchange} ${one.symbol} ${one.excluded ?? "counts"}`,
  );
  const price = length && united(of.price, format.price(of.price, Math.min(6, format.mostDecimals(2, [of.price]))), "USD");
  return fact(
    length ? `${base} median of ${length}` : `${base} median`,
    price || format.DASH,
    `Of what can be believed now: ${said.join(", ")}`,
  );
}

/** @param {{row: import("../messages.js").Quality | undefined}} props */
function Quality({ row }) {
  if (row === undefined) return [fact("Gaps", format.DASH), fact("Lag", format.DASH)];
  const { gaps_open, gaps_filled, missing, gapless, lag_p50_ms, lag_p99_ms } = row;
  const gaps =
    gaps_open === null
      ? format.DASH
      : gaps_open > 0
        ? html`<span class="down">${gaps_open} open</span>`
        : gapless === false
          ? "not numbered"
          : "none";
  const more = `${missing ?? 0} trades missing now, ${gaps_filled ?? 0} gaps filled since the start`;
  return [
    fact("Gaps", gaps, gapless === false ? "The exchange does not number its trades" : more),
    fact(
      "Lag",
      lag_p50_ms === null ? format.DASH : format.milliseconds(lag_p50_ms),
      `From the trade at the exchange to here: half within ${format.milliseconds(lag_p50_ms)}, 99 of 100 within ${format.milliseconds(lag_p99_ms)}`,
    ),
  ];
}

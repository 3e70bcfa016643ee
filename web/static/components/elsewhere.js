/**
 * The same coin on other exchanges and in other quotes: prices and the way there.
 *
 * @module
 */

import { html } from "htm/preact";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { symbolPath } from "../routes.js";
import { cardOf, unreachable } from "../state.js";
import { Change } from "./price.js";

/** @type {Record<string, string>} */
const WHY = {
  stale: "no: its price is old",
  disconnected: "no: its exchange is disconnected",
  outlier: "no: too far from the others",
  secondary: "no: it only repeats what others trade at",
};

/**
 * @param {object} props
 * @param {string} props.base what is traded
 * @param {readonly string[]} props.keys
 * @param {any} props.consolidated the `data` of `/api/market/price`, null before it is known
 */
export function Elsewhere({ base, keys, consolidated }) {
  if (keys.length === 0) return null;
  return html`<section class="elsewhere" aria-labelledby="elsewhere">
    <h2 id="elsewhere">${base} elsewhere</h2>
    <table>
      <thead>
        <tr>
          <th scope="col">Symbol</th>
          <th scope="col">Price</th>
          <th scope="col">24 h</th>
          <th scope="col" class="median">In the median</th>
        </tr>
      </thead>
      <tbody>
        ${keys.map((key) => html`<${Row} key=${key} name=${key} counts=${countsOf(key, consolidated)} />`)}
      </tbody>
    </table>
  </section>`;
}

/** @param {string} key @param {any} consolidated @returns {string} */
function countsOf(key, consolidated) {
  const source = consolidated?.sources.find(
    (/** @type {any} */ one) => `${one.exchange}:${one.symbol}` === key,
  );
  if (source === undefined) return format.DASH;
  return source.excluded === null ? "yes" : (WHY[source.excluded] ?? source.excluded);
}

/** @param {{name: string, counts: string}} props */
function Row({ name, counts }) {
  const card = cardOf(name);
  const { symbol, exchange, quote } = card.peek();
  const price = useComputed(() => format.price(card.value.price, card.value.decimals));
  const whole = useComputed(() => format.full(card.value.price));
  const old = useComputed(() => card.value.stale || unreachable.value);
  return html`<tr class=${old.value ? "old" : ""}>
    <th scope="row">
      <a href=${symbolPath(name)}>${symbol}</a> <span class="exchange">${exchange}</span>
    </th>
    <td><data class="value" value=${whole}>${price}</data> <span class="quote">${quote}</span></td>
    <td><${Change} name=${name} /></td>
    <td class="median">${counts}</td>
  </tr>`;
}

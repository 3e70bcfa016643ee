/**
 * A price and its change of 24 hours, wherever they stand.
 *
 * @module
 */

import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { cardOf } from "../state.js";

const NO_CHANGE = "24-hour change: not enough data yet";

/**
 * The price; its changed digits and its ground show the direction.
 *
 * @param {{name: string}} props the symbol's key
 */
export function Price({ name }) {
  const { price, previous, decimals, moves, quote } = cardOf(name).value;
  const text = format.price(price, decimals);
  const before = previous === null ? null : format.price(previous, decimals);
  const [same, changed] = format.splitChanged(text, before);
  const arrow = price === null || previous === null ? "" : format.arrow(price - previous);
  const direction = arrow === "▲" ? "up" : arrow === "▼" ? "down" : "";
  // What was not seen to change does not flash.
  const first = useRef(moves).current;
  const flash = direction && moves !== first && `flash-${moves % 2}`;
  return html`<p class=${`price ${direction} ${flash || ""}`}>
    <data class="value" value=${format.full(price)}>${same}<span class="changed">${changed}</span></data>${" "}
    <span class="quote">${quote}</span>
    <span class="arrow" aria-hidden="true">${arrow}</span>
  </p>`;
}

/**
 * How much it has risen or fallen; `unit` says over what time, where nothing else does.
 *
 * @param {{name: string, unit?: string}} props
 */
export function Change({ name, unit = "" }) {
  const card = cardOf(name);
  const percent = useComputed(() => card.value.changePercent).value;
  const label = unit && html`${" "}<span class="label">${unit}</span>`;
  if (percent === null) {
    return html`<p class="change" title=${NO_CHANGE}>
      <span aria-hidden="true">${format.DASH}${label}</span>
      <span class="unseen">${NO_CHANGE}</span>
    </p>`;
  }
  const direction = percent > 0 ? "up" : percent < 0 ? "down" : "";
  return html`<p class="change"><span class=${direction}>${format.change(percent)}</span>${label}</p>`;
}

/**
 * The prices of all configured symbols, one card each.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { Card } from "../components/card.js";
import { demand, order } from "../state.js";

/** The dashboard. */
export function Page() {
  const keys = order.value;
  useEffect(() => demand({ channel: "ticker", symbols: keys }), [keys]);
  useEffect(() => demand({ channel: "candle", symbols: keys, interval: "1m" }), [keys]);
  return html`<h1 class="unseen">Dashboard</h1>
    <div class="cards">
      ${
        keys.length === 0
          ? html`<p class="empty">Waiting for the list of symbols.</p>`
          : keys.map((key) => html`<${Card} key=${key} name=${key} />`)
      }
    </div>`;
}

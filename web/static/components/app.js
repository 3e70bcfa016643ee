/**
 * The page: header, banners, one card per symbol, footer. Reads signals; writes nothing.
 *
 * @module
 */

import { html } from "htm/preact";
import { order, simulated, version } from "../state.js";
import { Alert } from "./alert.js";
import { Card } from "./card.js";
import { ConnectionChip } from "./connection.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {{retry: () => void}} props `retry` connects at once */
export function App({ retry }) {
  const keys = order.value;
  return html`
    <header class="header">
      <h1 class="name">tickwire</h1>
      <${ConnectionChip} retry=${retry} />
    </header>
    ${
      simulated.value === true &&
      html`<p class="simulated"><strong>SIMULATED</strong> exchange data</p>`
    }
    <main class="cards" aria-label="Prices">
      ${
        keys.length === 0
          ? html`<p class="empty">Waiting for the list of symbols.</p>`
          : keys.map((key) => html`<${Card} key=${key} name=${key} />`)
      }
    </main>
    <footer class="footer">
      <span>tickwire ${version.value ?? ""} · <a href="/docs">API</a></span>
      <span>Times are ${zone}; hours are averaged in UTC</span>
      <span>
        Charts: TradingView Lightweight Charts™, © TradingView, Inc.${" "}
        <a href="https://www.tradingview.com/" rel="noopener noreferrer">tradingview.com</a>
      </span>
    </footer>
    <${Alert} />
  `;
}

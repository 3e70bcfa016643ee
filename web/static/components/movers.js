/**
 * The symbols that have risen and fallen most in 24 hours, of all that are known.
 *
 * They are looked at anew with the clock, so that nobody's turn comes sooner than it can be read.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { useComputed } from "@preact/signals";
import * as format from "../format.js";
import { loadMarkets, wantMarkets } from "../loader.js";
import { moversOf } from "../movers.js";
import { symbolPath } from "../routes.js";
import { cardOf, clock, markets, order, unreachable } from "../state.js";

/** Shown of each. */
const MOST = 5;

/** Both lists. */
export function Movers() {
  useEffect(wantMarkets, []);
  const found = useComputed(() => {
    void clock.value;
    return moversOf(
      order.value.map((key) => cardOf(key).peek()),
      MOST,
    );
  });
  const { known, gainers, losers } = found.value;
  const failed = known === 0 && markets.value.error;
  return html`<aside class=${`movers${unreachable.value ? " old" : ""}`} aria-label="Gainers and losers">
    ${
      known > 0
        ? html`<${List} title="Gainers" cards=${gainers} none="Nothing has risen" />
            <${List} title="Losers" cards=${losers} none="Nothing has fallen" />`
        : html`<p class="label">
            ${
              failed
                ? html`Changes could not be read: ${failed}${" "}
                    <button type="button" class="quiet-button" onClick=${loadMarkets}>Retry</button>`
                : "24-hour changes are not known yet. They come with the exchanges’ history."
            }
          </p>`
    }
  </aside>`;
}

/** @param {{title: string, cards: import("../cards.js").Card[], none: string}} props */
function List({ title, cards, none }) {
  return html`<section class="movers-list">
    <h2 class="movers-title">${title} <span class="label">24${"\u202f"}h</span></h2>
    ${cards.length === 0 && html`<p class="label">${none} in 24${"\u202f"}h.</p>`}
    <ol>
      ${cards.map(({ key, symbol, exchange, changePercent, stale }) => {
        const direction = (changePercent ?? 0) > 0 ? "up" : "down";
        return html`<li key=${key} class=${stale ? "old" : ""}>
          <a class="mover" href=${symbolPath(key)}>
            <span class="mover-name">${symbol} <span class="label">${exchange}</span></span>
            <span class=${direction}>${format.change(changePercent)}</span>
          </a>
        </li>`;
      })}
    </ol>
  </section>`;
}

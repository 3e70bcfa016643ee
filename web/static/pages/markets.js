/**
 * All symbols in one table, to be sorted and filtered.
 *
 * What is sorted by is looked at when the table of all symbols has been read anew, or when it is to
 * be sorted otherwise: no row moves away under the pointer because a price has moved. The address
 * says what is chosen, so that it can be kept and handed on.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { computed, signal, useComputed, useSignalEffect } from "@preact/signals";
import { MarketTable } from "../components/market_table.js";
import { Unlisted } from "../components/unlisted.js";
import { dense, setDense } from "../density.js";
import { count } from "../format.js";
import { loadMarkets, wantMarkets } from "../loader.js";
import { cardOf, markets, order } from "../state.js";
import { choiceOf, filtered, ordered, pressed, queryOf } from "../table.js";

const ROW_PX = 40;
const DENSE_PX = 32;

// As it was left, whoever comes back finds it.
const chosen = signal(choiceOf(""));
const sorting = computed(() => chosen.value.order);

/** @param {Partial<import("../table.js").Choice>} part */
function choose(part) {
  chosen.value = { ...chosen.peek(), ...part };
}

/** The page of all markets. */
export function Page() {
  useEffect(wantMarkets, []);
  useState(() => {
    if (location.search !== "") choose(choiceOf(location.search));
  });
  useSignalEffect(() => history.replaceState(null, "", location.pathname + queryOf(chosen.value)));
  const sorted = useComputed(() => {
    void markets.value.loaded;
    const cards = order.value.map((key) => cardOf(key).peek());
    return ordered(cards, sorting.value);
  });
  const before = useRef(/** @type {readonly string[]} */ ([]));
  const keys = useComputed(() => {
    const { text, exchange } = chosen.value;
    const found = filtered(sorted.value, text, exchange).map(({ key }) => key);
    if (found.join() !== before.current.join()) before.current = found;
    return before.current;
  }).value;
  const all = sorted.value.length;
  const px = dense.value ? DENSE_PX : ROW_PX;
  return html`<div class=${`markets${dense.value ? " dense" : ""}`}>
    <${Toolbar} shown=${keys.length} all=${all} />
    ${
      markets.value.error !== null &&
      html`<p class="markets-error">
        24-hour values could not be read: ${markets.value.error}${" "}
        <button type="button" class="quiet-button" onClick=${loadMarkets}>Retry</button>
      </p>`
    }
    ${
      keys.length > 0
        ? html`<${MarketTable}
            keys=${keys}
            order=${sorting.value}
            rowPx=${px}
            onSort=${(/** @type {import("../table.js").ColumnName} */ by) =>
              choose({ order: pressed(sorting.value, by) })}
          />`
        : html`<${Nothing} all=${all} />`
    }
  </div>`;
}

/** @param {{shown: number, all: number}} props */
function Toolbar({ shown, all }) {
  const exchanges = [...new Set(order.value.map((key) => key.split(":")[0]))].sort();
  const many = `${count(all)} ${all === 1 ? "market" : "markets"}`;
  return html`<div class="markets-bar">
    <h1 class="page-title">Markets</h1>
    <input
      class="filter-input"
      type="search"
      aria-label="Filter by symbol, name or exchange"
      placeholder="Filter, as BTC or bitcoin"
      autocomplete="off"
      spellcheck="false"
      value=${chosen.value.text}
      onInput=${(/** @type {Event & {currentTarget: HTMLInputElement}} */ event) =>
        choose({ text: event.currentTarget.value })}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "ArrowDown") return;
        event.preventDefault();
        document.querySelector(/** @type {"a"} */ (".market-body a"))?.focus();
      }}
    />
    <select
      class="exchange-select"
      aria-label="Exchange"
      value=${chosen.value.exchange}
      onChange=${(/** @type {Event & {currentTarget: HTMLSelectElement}} */ event) =>
        choose({ exchange: event.currentTarget.value })}
    >
      <option value="">All exchanges</option>
      ${exchanges.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
    </select>
    <button
      type="button"
      class="density-button"
      aria-pressed=${dense.value}
      onClick=${() => setDense(!dense.value)}
    >
      Compact
    </button>
    <p class="label shown" role="status">${shown < all ? `${count(shown)} of ${many}` : many}</p>
  </div>`;
}

/** @param {{all: number}} props */
function Nothing({ all }) {
  if (all === 0) return html`<${Unlisted} />`;
  const { text, exchange } = chosen.value;
  const named = text.trim() === "" ? "" : ` “${text.trim()}” in its name`;
  const there = exchange === "" ? "" : ` on ${exchange}`;
  return html`<p class="empty">
    No symbol${there} has${named}.${" "}
    <button
      type="button"
      class="quiet-button"
      onClick=${() => choose({ text: "", exchange: "" })}
    >
      Show all markets
    </button>
  </p>`;
}

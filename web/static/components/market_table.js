/**
 * The table of symbols: of thousands of rows only those are there that can be seen, and only they
 * are listened to. It scrolls with the page, its head stays.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { drawNever, drawSoon } from "../drawing.js";
import { demand } from "../state.js";
import { COLUMNS, between, nearest } from "../table.js";
import { MarketRow } from "./market_row.js";

/** Rows that are there on either side of those that can be seen. */
const SPARE = 8;
/** Rows that are listened to on either side. */
const LISTENED = 3;
/** A connection may name so many symbols. */
const LISTENED_MAX = 50;

/** @typedef {import("../table.js").Order} Order */

/**
 * @typedef {object} Props
 * @property {readonly string[]} keys of the rows, in order
 * @property {Order} order
 * @property {(by: import("../table.js").ColumnName) => void} onSort
 * @property {number} rowPx
 */

/** @param {Props} props */
export function MarketTable({ keys, order, onSort, rowPx }) {
  const body = useRef(/** @type {HTMLDivElement | null} */ (null));
  const seen = useSeen(body, keys.length, rowPx);
  const focused = useSignal("");
  const at = focused.value === "" ? -1 : keys.indexOf(focused.value);
  useListening(keys, seen);
  useEffect(() => {
    const row = body.current?.querySelector(`[data-at="${at}"]`);
    row?.scrollIntoView({ block: "nearest" });
    row?.querySelector("a")?.focus({ preventScroll: true });
  }, [focused.value]);

  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const here = placeOf(event.target);
    const last = keys.length - 1;
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    focused.value = keys[Math.max(0, Math.min(last, to))] ?? "";
  };
  const { first, last } = between(seen.first, seen.last, 1, keys.length, SPARE);
  const shown = keys.slice(first, last).map((key, index) => ({ key, index: first + index }));
  // The row that has the focus keeps it, wherever the page is scrolled to.
  if (at >= 0 && (at < first || at >= last)) shown.push({ key: focused.value, index: at });
  return html`<div class="market-table" role="table" aria-label="Markets" aria-rowcount=${keys.length + 1}>
    <div class="market-head" role="rowgroup">
      <div class="market-row" role="row" aria-rowindex="1">
        ${COLUMNS.map((column) => html`<${Head} key=${column.name} column=${column} order=${order} onSort=${onSort} />`)}
      </div>
    </div>
    <div
      class="market-body"
      role="rowgroup"
      ref=${body}
      onKeyDown=${onKeyDown}
      onfocusin=${(/** @type {FocusEvent} */ event) => {
        focused.value = keys[placeOf(event.target)] ?? "";
      }}
    >
      ${shown.map(({ key, index }) => html`<${MarketRow} key=${key} name=${key} at=${index} />`)}
    </div>
  </div>`;
}

/**
 * @param {{column: import("../table.js").Column, order: Order, onSort: Props["onSort"]}} props
 */
function Head({ column: { name, title }, order, onSort }) {
  const mine = order.by === name;
  const sort = mine ? (order.falling ? "descending" : "ascending") : undefined;
  return html`<div class=${`cell cell-${name}`} role="columnheader" aria-sort=${sort}>
    <button type="button" class="sort-button" onClick=${() => onSort(name)}>
      ${title}<span class="sort-arrow" aria-hidden="true">${mine ? (order.falling ? "↓" : "↑") : ""}</span>
    </button>
  </div>`;
}

/**
 * Return which rows can be seen now.
 *
 * @param {import("preact").RefObject<HTMLElement | null>} body
 * @param {number} count
 * @param {number} rowPx
 * @returns {{first: number, last: number}}
 */
function useSeen(body, count, rowPx) {
  const seen = useSignal({ first: 0, last: 0 });
  useEffect(() => {
    const element = body.current;
    if (element === null) return undefined;
    element.style.setProperty("--row", `${rowPx}px`);
    element.style.setProperty("--rows", String(count));
    const look = () => {
      const { top } = element.getBoundingClientRect();
      const next = between(-top, innerHeight - top, rowPx, count);
      const { first, last } = seen.peek();
      if (next.first !== first || next.last !== last) seen.value = next;
    };
    const onScroll = () => drawSoon(look);
    look();
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("resize", onScroll);
    return () => {
      removeEventListener("scroll", onScroll);
      removeEventListener("resize", onScroll);
      drawNever(look);
    };
  }, [count, rowPx]);
  return seen.value;
}

/**
 * Listen to the rows that can be seen and a few around them.
 *
 * @param {readonly string[]} keys
 * @param {{first: number, last: number}} seen
 */
function useListening(keys, seen) {
  const { first, last } = nearest(seen, keys.length, LISTENED, LISTENED_MAX);
  useEffect(
    () => demand({ channel: "ticker", symbols: keys.slice(first, last) }),
    [keys, first, last],
  );
}

/** @param {EventTarget | null} target @returns {number} of its row, -1 outside */
function placeOf(target) {
  const row = target instanceof Element ? target.closest("[data-at]") : null;
  return row instanceof HTMLElement ? Number(row.dataset.at) : -1;
}

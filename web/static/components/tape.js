/**
 * The newest trades of one symbol. It stands still while it is pointed at or in focus, and says how
 * many have come meanwhile.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { useComputed, useSignal } from "@preact/signals";
import { ask } from "../api.js";
import { drawNever, drawSoon } from "../drawing.js";
import * as format from "../format.js";
import { Job } from "../job.js";
import { address, hear } from "../past.js";
import { cardOf, clock, dispatch, isOld, missed } from "../state.js";
import { TRADES_MAX, newer, withTrades } from "../tape.js";

/** @typedef {import("../tape.js").Trade} Trade */

/**
 * A trade's row, made once.
 *
 * @type {WeakMap<Trade, {decimals: number, digits: number, row: unknown}>}
 */
const rows = new WeakMap();

/** @param {{name: string}} props the symbol's key */
export function Tape({ name }) {
  const tape = useSignal(/** @type {readonly Trade[]} */ ([]));
  /** What is shown while it stands still. */
  const still = useSignal(/** @type {readonly Trade[] | null} */ (null));
  useEffect(() => keep(name, tape), [name]);
  const shown = useComputed(() => still.value ?? tape.value);
  const old = useComputed(() => isOld(name));
  const waiting = useComputed(() => (still.value === null ? 0 : newer(tape.value, still.value)));
  const { symbol, quote } = cardOf(name).peek();
  const { decimals } = cardOf(name).value;
  const digits = useComputed(() => mostDigits(tape.value)).value;
  const stop = () => {
    still.value ??= tape.peek();
  };
  const goOn = (/** @type {Event} */ event) => {
    if (event.currentTarget instanceof Element && event.currentTarget.matches(":hover, :focus-within"))
      return;
    still.value = null;
  };
  return html`<section class=${`tape${old.value ? " old" : ""}`} aria-label="Trades">
    <header class="tape-head">
      <h2>Trades</h2>
      <span class="label"
        >${
          still.value !== null &&
          (waiting.value > 0 ? `paused, ${format.count(waiting.value)} newer` : "paused")
        }</span
      >
    </header>
    <div
      class="tape-rows"
      tabindex="0"
      role="group"
      aria-label="The newest trades"
      onPointerEnter=${stop}
      onPointerLeave=${goOn}
      onFocusIn=${stop}
      onFocusOut=${goOn}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">Price <span class="quote">${quote}</span></th>
            <th scope="col">Size <span class="quote">${symbol.slice(0, symbol.indexOf("-"))}</span></th>
            <th scope="col">Side</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          ${shown.value.map((trade) => rowOf(trade, decimals, digits))}
        </tbody>
      </table>
      ${shown.value.length === 0 && html`<p class="empty">The next trade stands here.</p>`}
    </div>
  </section>`;
}

/** Decimals that the sizes need together. @param {readonly Trade[]} trades */
function mostDigits(trades) {
  return format.mostDecimals(
    0,
    trades.map(({ size }) => size),
  );
}

/** @param {Trade} trade @param {number} decimals of the price @param {number} digits of the size */
function rowOf(trade, decimals, digits) {
  const kept = rows.get(trade);
  if (kept?.decimals === decimals && kept.digits === digits) return kept.row;
  const { id, ts, price, size, side, arrow } = trade;
  const direction = arrow === "▲" ? "up" : arrow === "▼" ? "down" : "";
  const row = html`<tr key=${id}>
    <td class=${direction}>
      <data value=${format.full(price)}>${format.price(price, decimals)}</data> <span aria-hidden="true">${arrow || "\u2003"}</span>
    </td>
    <td><data value=${format.full(size)}>${format.price(size, digits)}</data></td>
    <td class=${side === "buy" ? "up" : side === "sell" ? "down" : ""}>${side ?? format.DASH}</td>
    <td title=${format.moment(ts)}>${format.time(ts, clock.peek())}</td>
  </tr>`;
  rows.set(trade, { decimals, digits, row });
  return row;
}

/**
 * Keep the tape up to date, at most once per animation frame; return how to end that.
 *
 * @param {string} name
 * @param {import("@preact/signals").Signal<readonly Trade[]>} tape
 */
function keep(name, tape) {
  /** @type {unknown[]} */
  let come = [];
  const take = () => {
    const next = come;
    come = [];
    tape.value = withTrades(tape.peek(), next);
  };
  const add = (/** @type {readonly unknown[]} */ more) => {
    // A hidden page draws nothing: it keeps what it would show, not all that came.
    come = [...come, ...more].slice(-TRADES_MAX);
    const prices = more.map((row) => /** @type {any} */ (row)?.price);
    dispatch({ type: "prices", key: name, prices });
    drawSoon(take);
  };
  const stored = new Job(
    async () => (await ask(address("/api/trades", { symbol: name, limit: TRADES_MAX }))).body,
    (body) => add(Array.isArray(body) ? body.toReversed() : []),
  );
  const deaf = hear({ channel: "trade", symbols: [name] }, add);
  const unwatch = missed.subscribe(() => void stored.run());
  return () => {
    unwatch();
    deaf();
    stored.end();
    drawNever(take);
  };
}

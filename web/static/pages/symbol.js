/**
 * One symbol: its price and what is known of it, its chart, its trades, and where else it is traded.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { present, useAsked } from "../asked.js";
import { epochMs } from "../candles.js";
import { CandleChart } from "../components/candlechart.js";
import { Elsewhere } from "../components/elsewhere.js";
import { Strip } from "../components/strip.js";
import { Tape } from "../components/tape.js";
import { Unlisted } from "../components/unlisted.js";
import { go } from "../navigation.js";
import { symbolPath } from "../routes.js";
import { meant, near } from "../spelling.js";
import { demand, order, statusError, symbolsKnown } from "../state.js";
import { address } from "../past.js";

/** How often what is not announced is asked for. */
const EVERY_MS = 10_000;
const PRICE_EVERY_MS = 2_000;
/** The newest gaps that are drawn. */
const GAPS = 100;

/** @param {{name: string}} props what stands in the address */
export function Page({ name }) {
  const keys = order.value;
  const known = keys.includes(name);
  const key = known ? name : meant(name, keys);
  useEffect(() => {
    if (!known && key !== undefined) go(symbolPath(key), { replace: true });
  }, [known, key]);
  if (known) return html`<${Known} name=${name} />`;
  if (key !== undefined || !symbolsKnown.value)
    return statusError.value === null
      ? html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`
      : html`<${Unlisted} />`;
  return html`<${Unknown} name=${name} />`;
}

/** @param {{name: string}} props */
function Unknown({ name }) {
  const alike = near(name, order.value);
  return html`<div class="empty">
    <h1>No symbol ${name} is configured here.</h1>
    ${
      alike.length > 0
        ? html`<p>
            Spelled most like it:${" "}
            ${alike.map((key, at) => html`${at > 0 ? ", " : ""}<a key=${key} href=${symbolPath(key)}>${key}</a>`)}
          </p>`
        : html`<p><a href="/markets">Show all symbols</a></p>`
    }
  </div>`;
}

/** What is traded. @param {string} key */
const baseOf = (key) => key.slice(key.indexOf(":") + 1).replace(/-.*/, "");

/** @param {{name: string}} props the symbol's key */
function Known({ name }) {
  const base = baseOf(name);
  const keys = order.value;
  const others = useMemo(
    () => keys.filter((key) => key !== name && baseOf(key) === base),
    [keys, name],
  );
  useEffect(() => demand({ channel: "ticker", symbols: [name, ...others] }), [name, others]);
  /** @type {import("../asked.js").Asked<import("../messages.js").Quality[]>} */
  const quality = useAsked(address("/api/quality", { symbol: name }), EVERY_MS);
  const missing = useAsked(address("/api/gaps", { symbol: name, limit: GAPS }), EVERY_MS);
  const price = useAsked(`/api/market/price/${encodeURIComponent(base)}`, PRICE_EVERY_MS);
  const gaps = useSignal(/** @type {readonly import("../timeline.js").Gap[]} */ ([]));
  useEffect(() => {
    gaps.value = gapsOf(missing.value);
  }, [missing.value]);
  const data = /** @type {any} */ (present(price))?.data;
  const consolidated = data?.sources?.length > 0 ? data : null;
  return html`<div class="symbol-page">
    <${Strip} name=${name} quality=${present(quality)?.[0]} consolidated=${consolidated} />
    <${CandleChart} name=${name} gaps=${gaps} />
    <${Tape} name=${name} />
    <${Elsewhere} base=${base} keys=${others} consolidated=${consolidated} />
  </div>`;
}

/** @param {unknown} rows of `/api/gaps`, hopefully @returns {import("../timeline.js").Gap[]} */
function gapsOf(rows) {
  return (Array.isArray(rows) ? rows : []).flatMap(({ state, ids, reason, opened_at }) => {
    const ms = epochMs(opened_at);
    return ms === null ? [] : [{ state, ids, reason, openedAt: ms / 1000 }];
  });
}

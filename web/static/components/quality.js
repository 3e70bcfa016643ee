/**
 * How good the data of each symbol are, and which trades were missing: two tables.
 *
 * @module
 */

import { html } from "htm/preact";
import { useAsked } from "../asked.js";
import { epochMs } from "../candles.js";
import * as format from "../format.js";
import { symbolPath } from "../routes.js";
import { clock, feeds } from "../state.js";

const RECENT = "/api/gaps?limit=20";
const EVERY_MS = 10_000;
/** @type {Record<string, import("../processes.js").Level>} */
const LEVELS = { live: "good", quiet: "good", standby: "unused", stale: "bad" };
/** @type {Record<string, import("../processes.js").Level>} */
const OF_GAPS = { open: "warn", filled: "good", unfillable: "bad" };

/** @param {number | null} value @returns {string} */
const count = (value) => (value === null ? format.DASH : format.count(value));

/**
 * @param {{rows: readonly import("../messages.js").Quality[], at: number}} props `at`: ms of this
 *   machine's clock at which the rows were so
 */
export function Qualities({ rows, at }) {
  const elapsed = Math.max(0, clock.value - at);
  return html`<div class="sheet-frame" tabindex="0" role="group" aria-labelledby="quality">
    <table class="sheet">
      <thead>
        <tr>
          <th scope="col">Symbol</th>
          <th scope="col">State</th>
          <th scope="col" class="number">Last trade</th>
          <th scope="col" class="number third" title="From the exchange to here: median and 99th percentile">
            Lag p50 · p99
          </th>
          <th scope="col" class="number" title="Gaps open now, and how many trades they lack">Gaps</th>
          <th scope="col" class="number third" title="Gaps filled since the feed started">Filled</th>
          <th scope="col" class="number third" title="Gaps that the exchange cannot fill any more">
            Lost
          </th>
          <th scope="col" class="number second" title="Trades that came again and were dropped">
            Duplicates
          </th>
          <th scope="col" class="number second" title="Trades that were not believed">Quarantined</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => html`<${Row} key=${`${row.exchange}:${row.symbol}`} row=${row} elapsed=${elapsed} />`)}
      </tbody>
    </table>
  </div>`;
}

/** @param {{row: import("../messages.js").Quality, elapsed: number}} props */
function Row({ row, elapsed }) {
  const { exchange, symbol, stale, age_ms, gaps_open, missing, gapless, listed } = row;
  const silent = feeds.value[exchange]?.silent === true;
  const state = silent ? null : stale && row.state !== "standby" ? "stale" : row.state;
  const level = listed === false ? "bad" : (LEVELS[state ?? ""] ?? "warn");
  const word = listed === false ? "not listed" : (state ?? "unknown");
  const some = gaps_open !== null && gaps_open > 0;
  return html`<tr>
    <th scope="row">
      <a href=${symbolPath(`${exchange}:${symbol}`)}>${symbol}</a> <span class="label">${exchange}</span>
    </th>
    <td data-level=${level}><span class="dot" aria-hidden="true"></span> ${word}</td>
    <td class="number">${age_ms === null ? "never" : format.age(age_ms + elapsed)}</td>
    <td class="number third">
      ${format.milliseconds(row.lag_p50_ms)} · ${format.milliseconds(row.lag_p99_ms)}
    </td>
    <td class="number" title=${gapless === false ? "Its trades have no ids: none is known to be missing" : ""}>
      ${gapless === false ? format.DASH : count(gaps_open)}
      ${some && html`<span class="label"> ${count(missing)} missing</span>`}
    </td>
    <td class="number third">${count(row.gaps_filled)}</td>
    <td class="number third">${count(row.gaps_unfillable)}</td>
    <td class="number second">${count(row.duplicates)}</td>
    <td class="number second">${count(row.quarantined)}</td>
  </tr>`;
}

/** The newest gaps. */
export function Gaps() {
  const { value, error, again } =
    /** @type {import("../asked.js").Asked<import("../messages.js").MissingTrades[]> & {again: () => void}} */ (
      useAsked(RECENT, EVERY_MS)
    );
  if (error !== null)
    return html`<p class="empty small">
      ${error}${" "}<button type="button" class="quiet-button" onClick=${again}>Retry</button>
    </p>`;
  if (value === null) return html`<div class="skeleton part" aria-busy="true"></div>`;
  if (value.length === 0)
    return html`<p class="empty small">No trade was ever missing: every id of every exchange is here.</p>`;
  return html`<div class="sheet-frame" tabindex="0" role="group" aria-labelledby="gaps">
    <table class="sheet">
      <thead>
        <tr>
          <th scope="col">Symbol</th>
          <th scope="col">State</th>
          <th scope="col" class="number">Trades</th>
          <th scope="col" class="number">Found</th>
          <th scope="col" class="number third">Closed</th>
          <th scope="col" class="second">Why</th>
        </tr>
      </thead>
      <tbody>
        ${value.map((gap) => html`<${Gap} key=${`${gap.exchange} ${gap.symbol} ${gap.series} ${gap.first_id}`} gap=${gap} />`)}
      </tbody>
    </table>
  </div>`;
}

/** @param {{gap: import("../messages.js").MissingTrades}} props */
function Gap({ gap }) {
  const { exchange, symbol, state, ids, first_id, last_id, opened_at, closed_at, reason } = gap;
  const at = (/** @type {string | null} */ text) => {
    const ms = epochMs(text);
    return ms === null ? format.DASH : html`<span title=${format.moment(ms)}>${format.time(ms, clock.value)}</span>`;
  };
  return html`<tr>
    <th scope="row">${symbol} <span class="label">${exchange}</span></th>
    <td data-level=${OF_GAPS[state]}><span class="dot" aria-hidden="true"></span> ${state}</td>
    <td class="number" title=${`ids ${first_id} to ${last_id}`}>${format.count(ids)}</td>
    <td class="number">${at(opened_at)}</td>
    <td class="number third">${at(closed_at)}</td>
    <td class="second">${reason}</td>
  </tr>`;
}

/**
 * The connection chip: a dot and a word, the count-down to the next try, and the way to try now.
 *
 * @module
 */

import { html } from "htm/preact";
import { ordinal } from "../format.js";
import { connectionOf, marketOf } from "../health.js";
import { clock, feeds, session } from "../state.js";

/** @param {{retry: () => void}} props */
export function ConnectionChip({ retry }) {
  const now = session.value;
  if (now === null) return null;
  const waiting = now.nextTryAt !== null;
  const market = now.state === "connected" ? marketOf(feeds.value) : null;
  const { word, why } = connectionOf(now, feeds.value);
  return html`
    <div
      class="connection"
      data-state=${now.state}
      data-way=${now.way}
      data-market=${market}
      title=${why}
    >
      <span class="dot" aria-hidden="true"></span>
      <span role="status">
        <span class="word">${word}</span>
        ${market === "none" && html`<span class="detail">, no exchange</span>`}
      </span>
      ${now.state === "reconnecting" && html`<span class="detail">${detail(now)}</span>`}
      ${
        waiting &&
        html`<button type="button" class="quiet-button" onClick=${retry}>Retry now</button>`
      }
    </div>
  `;
}

/** @param {import("../session.js").Session} now */
function detail({ nextTryAt, attempt }) {
  const left = nextTryAt === null ? 0 : Math.ceil((nextTryAt - clock.value) / 1000);
  return html`${left >= 1 ? `in ${left}\u202fs` : "now"}
    <span class="wide">${` (${ordinal(Math.max(1, attempt))} try)`}</span>`;
}

/**
 * The connection chip: a dot and a word, the count-down to the next try, and the way to try now.
 *
 * @module
 */

import { html } from "htm/preact";
import { ordinal } from "../format.js";
import { clock, session } from "../state.js";

const WORDS = {
  connecting: "connecting",
  connected: "live",
  reconnecting: "reconnecting",
  disconnected: "offline",
};

/** @param {{retry: () => void}} props */
export function ConnectionChip({ retry }) {
  const now = session.value;
  if (now === null) return null;
  const waiting = now.nextTryAt !== null;
  return html`
    <div class="connection" data-state=${now.state}>
      <span class="dot" aria-hidden="true"></span>
      <span class="word" role="status">${WORDS[now.state]}</span>
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

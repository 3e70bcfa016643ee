/**
 * The one banner that says what is wrong, since when and what happens next: the backend first, then
 * the exchanges. It lies over the page's lower edge, so that nothing moves when it comes.
 *
 * @module
 */

import { html } from "htm/preact";
import { time } from "../format.js";
import { clock, feeds, heardAt, unreachable } from "../state.js";

/** The alert region; empty while all is well. */
export function Alert() {
  const sentence = unreachable.value ? backend() : exchanges();
  return html`<div class="alert-region" role="alert">
    ${sentence !== null && html`<p class="alert">${sentence}</p>`}
  </div>`;
}

function backend() {
  const at = heardAt.peek();
  const values = at === null ? "" : `, showing values of ${time(at, clock.value)}`;
  return `Backend unreachable${values}. Trying again until it answers.`;
}

function exchanges() {
  const sentences = Object.values(feeds.value).flatMap(({ exchange, state, silent, reason }) => {
    if (silent === true) return [`${exchange}: its feed gives no sign of life.`];
    if (state !== "reconnecting" && state !== "disconnected") return [];
    return [`${exchange} is ${state}${reason ? `: ${reason}` : ""}.`];
  });
  return sentences.length === 0 ? null : sentences.join(" ");
}

/**
 * How many processes are well, on each page; the way to those that are not.
 *
 * @module
 */

import { html } from "htm/preact";
import { DASH } from "../format.js";
import { countOf } from "../processes.js";
import { processes, statusError, unreachable } from "../state.js";

/** The chip; nothing before the first word of any process. */
export function ProcessesChip() {
  const { all, well, worst } = countOf(processes.value);
  if (all === 0) return null;
  const known = !unreachable.value && statusError.value === null;
  const level = known ? (worst?.level ?? "good") : "unknown";
  const why = known && worst !== null ? `${worst.name} ${worst.word}` : "";
  return html`<a class="processes" href="/status" data-level=${level}>
    <span class="dot" aria-hidden="true"></span>
    <span>${known ? well : DASH}/${all}<span class="wide"> processes</span></span>
    ${why !== "" && html`<span class="wide why">${why}</span>`}
    <span class="unseen"> ${known ? `well ${why}` : "unknown"}</span>
  </a>`;
}

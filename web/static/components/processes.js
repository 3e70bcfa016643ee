/**
 * How many processes are well, on each page; the way to those that are not.
 *
 * @module
 */

import { html } from "htm/preact";
import { countOf } from "../processes.js";
import { processes, unreachable } from "../state.js";

/** The chip; nothing before the first word of any process. */
export function ProcessesChip() {
  const { all, well, worst } = countOf(processes.value);
  if (all === 0) return null;
  const level = unreachable.value ? "unknown" : (worst?.level ?? "good");
  const why = level === "unknown" ? "unknown" : worst && `${worst.name} ${worst.word}`;
  return html`<a class="processes" href="/status" data-level=${level}>
    <span class="dot" aria-hidden="true"></span>
    <span>${well}/${all}<span class="wide"> processes</span></span>
    ${why && html`<span class="wide why">${why}</span>`}
    <span class="unseen"> well${why && `: ${why}`}</span>
  </a>`;
}

/**
 * The banners that say what is wrong, since when and what happens next: the backend, without which
 * nothing else is known; else the exchanges, and milder the database. They lie over the page's
 * lower edge, so that nothing moves when they come.
 *
 * @module
 */

import { html } from "htm/preact";
import { time } from "../format.js";
import { databaseTrouble, exchangesTrouble } from "../health.js";
import { clock, database, feeds, heardAt, unreachable } from "../state.js";

/** The alert region; empty while all is well. */
export function Alert() {
  const away = unreachable.value;
  const now = clock.value;
  const severe = away ? backend() : exchangesTrouble(feeds.value, now);
  const mild = away ? null : databaseTrouble(database.value, feeds.value, now);
  return html`<div class="alert-region" role="alert">
    ${severe !== null && html`<p class="alert">${severe}</p>`}
    ${mild !== null && html`<p class="alert mild">${mild}</p>`}
  </div>`;
}

function backend() {
  const at = heardAt.peek();
  const values = at === null ? "" : `, showing values of ${time(at, clock.value)}`;
  return `Backend unreachable${values}. Trying again until it answers.`;
}

/**
 * The banner that says what is wrong, since when and what happens next: one at a time, the worst.
 * Without the backend nothing else is known; then the exchanges, and milder the database. It lies
 * over the page's lower edge, so that nothing moves when it comes. What counts down in it is not
 * announced.
 *
 * @module
 */

import { html } from "htm/preact";
import { backendTrouble, databaseTrouble, exchangesTrouble, nextTry } from "../health.js";
import { route } from "../navigation.js";
import { clock, database, feeds, heardAt, session, unreachable } from "../state.js";

/** The tries after which the way to try now stays, also while a try is on its way. */
const RETRY_STAYS_AFTER = 10;

/** @param {{retry: () => void}} props `retry` connects at once */
export function Alert({ retry }) {
  const now = clock.value;
  const link = session.value;
  const away = unreachable.value && link !== null;
  const exchanges = exchangesTrouble(feeds.value, now);
  const stored = databaseTrouble(database.value, feeds.value, now);
  const worst = away ? backendTrouble(link.online, heardAt.peek(), now) : (exchanges ?? stored);
  const more = !away && exchanges !== null && stored !== null && route.value.page !== "status";
  const waits = away && (link.nextTryAt !== null || link.attempt >= RETRY_STAYS_AFTER);
  const region = worst !== null && { role: "region", "aria-label": "What is wrong" };
  return html`<div
    class=${`alert-region${worst === null ? "" : away || exchanges ? " alert" : " alert mild"}`}
    ...${region || {}}
  >
    <p role="alert">${worst}</p>
    ${away && html`<span class="detail">Next try ${nextTry(link, now)}</span>`}
    ${waits && html`<button type="button" class="quiet-button" onClick=${retry}>Retry now</button>`}
    ${more && html`<a href="/status">1 more</a>`}
  </div>`;
}

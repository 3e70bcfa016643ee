/**
 * What is shown where nothing is.
 *
 * @module
 */

import { html } from "htm/preact";

/** Nothing here. */
export function Page() {
  return html`<div class="empty">
    <h1>There is nothing at this address.</h1>
    <p>It may have been mistyped. <a href="/">Go to the dashboard</a></p>
  </div>`;
}

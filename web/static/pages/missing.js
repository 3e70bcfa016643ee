/**
 * What is shown where nothing is.
 *
 * @module
 */

import { html } from "htm/preact";
import { search } from "../components/keyboard.js";

/** Nothing here, and two ways on. */
export function Page() {
  return html`<div class="empty">
    <h1>There is nothing at this address.</h1>
    <p>It may have been mistyped.</p>
    <p>
      <button type="button" class="quiet-button" onClick=${search}>Search symbols</button>${" or "}
      <a href="/">go to the dashboard</a>
    </p>
  </div>`;
}

/**
 * What is shown where nothing is: no page, or no symbol of that name.
 *
 * @module
 */

import { html } from "htm/preact";
import { search } from "../components/keyboard.js";

/** @param {{name: string}} props what should have been a symbol; "" where it is no page */
export function Page({ name }) {
  return html`<div class="empty">
    <h1>${name ? `No symbol ${name} is configured here.` : "There is nothing at this address."}</h1>
    <p>
      ${name ? "What is shown is set by FEEDS." : "It may have been mistyped."}${" "}
      <button type="button" class="quiet-button" onClick=${search}>Search symbols</button>${" or "}
      <a href="/">go to the dashboard</a>
    </p>
  </div>`;
}

/**
 * What stands where symbols should, until the list of them has come: why it has not, and Retry.
 *
 * @module
 */

import { html } from "htm/preact";
import { loadStatus } from "../loader.js";
import { statusError } from "../state.js";

/** The list comes with the status. */
export function Unlisted() {
  const error = statusError.value;
  return html`<p class="empty">
    ${
      error === null
        ? "Waiting for the list of symbols."
        : html`The list of symbols could not be read: ${error}${" "}
            <button type="button" class="quiet-button" onClick=${loadStatus}>Retry</button>`
    }
  </p>`;
}

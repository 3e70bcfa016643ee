/**
 * Symbol.
 *
 * @module
 */

import { html } from "htm/preact";

/** @param {{name: string}} props */
export function Page({ name }) {
  return html`<h1>Symbol ${name}</h1>`;
}

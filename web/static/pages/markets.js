/**
 * Markets.
 *
 * @module
 */

import { html } from "htm/preact";

/** @param {{name: string}} props */
export function Page({ name }) {
  return html`<h1>Markets ${name}</h1>`;
}

/**
 * Small drawings in the colour of the text beside them, which says what they mean.
 *
 * @module
 */

import { html } from "htm/preact";

/** Lines on a ground of 16 × 16. */
const LINES = {
  dashboard: "M2 2.5h5v5H2zM9 2.5h5v3H9zM9 7.5h5v6H9zM2 9.5h5v4H2z",
  markets: "M2 3.5h12M2 8h12M2 12.5h12M5 1.5v13",
  status: "M1.5 8.5h3l2-5 3 9 2-4h3",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 0 0 0-9M10.5 10.5L14 14",
};

/** @param {{of: keyof typeof LINES}} props */
export function Icon({ of }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${LINES[of]} /></svg>`;
}

/**
 * How high the rows of tables are: comfortable or compact, as this browser remembers.
 *
 * @module
 */

import { signal } from "@preact/signals";

const NAME = "density";

/** @returns {string | null} */
function kept() {
  try {
    return localStorage.getItem(NAME);
  } catch {
    return null;
  }
}

/** True where rows are compact. */
export const dense = signal(kept() === "compact");

/** @param {boolean} next */
export function setDense(next) {
  dense.value = next;
  try {
    if (next) localStorage.setItem(NAME, "compact");
    else localStorage.removeItem(NAME);
  } catch {
    // Where nothing may be kept the choice lasts as long as the page.
  }
}

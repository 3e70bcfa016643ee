/**
 * How this browser's user looks at charts: kept from visit to visit.
 *
 * @module
 */

import { signal } from "@preact/signals";
import { DEFAULT, readSettings } from "./settings.js";

const NAME = "chart";

/** How charts are looked at now. */
export const settings = signal(restored());

function restored() {
  try {
    return readSettings(localStorage.getItem(NAME));
  } catch {
    return DEFAULT;
  }
}

/** @param {Partial<import("./settings.js").Settings>} change */
export function change(change) {
  settings.value = { ...settings.peek(), ...change };
  try {
    localStorage.setItem(NAME, JSON.stringify(settings.peek()));
  } catch {
    // Where nothing may be kept it lasts as long as the page.
  }
}

/**
 * Dark or light: what the system says, or what the user has chosen here. The choice is kept in this
 * browser and set on the root element, where the style sheet finds it (early.js does so before
 * anything is painted).
 *
 * @module
 */

import { computed, signal } from "@preact/signals";

/** @typedef {"system" | "dark" | "light"} Choice */

const NAME = "theme";
const LIGHT = matchMedia("(prefers-color-scheme: light)");
const systemIsLight = signal(LIGHT.matches);
LIGHT.addEventListener("change", ({ matches }) => {
  systemIsLight.value = matches;
});

/** What the user has chosen. */
export const choice = signal(/** @type {Choice} */ (document.documentElement.dataset.theme ?? "system"));
/** What is shown. @type {import("@preact/signals").ReadonlySignal<"dark" | "light">} */
export const theme = computed(() => {
  if (choice.value !== "system") return choice.value;
  return systemIsLight.value ? "light" : "dark";
});

/** @param {Choice} next */
export function choose(next) {
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, next);
  } catch {
    // Where nothing may be kept the choice lasts as long as the page.
  }
  choice.value = next;
}

/** Dark where it is light now, and light where it is dark. */
export function toggle() {
  const other = theme.peek() === "dark" ? "light" : "dark";
  choose(other === (systemIsLight.peek() ? "light" : "dark") ? "system" : other);
}

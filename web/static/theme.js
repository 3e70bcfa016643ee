/**
 * Dark or light: what the system says, or what the user has chosen here. The choice is kept in a
 * cookie, so that the server sets it on the root element, where the style sheet finds it: nobody
 * sees the other theme flash by before a script runs. Without cookies it lasts as long as the page.
 *
 * @module
 */

import { computed, effect, signal } from "@preact/signals";

/** @typedef {"system" | "dark" | "light"} Choice */

/** How long a choice is kept, s. */
const KEPT_S = 365 * 86_400;
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
  const kept = next !== "system";
  if (kept) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  document.cookie = `tickwire_theme=${next}; path=/; max-age=${kept ? KEPT_S : 0}; samesite=lax`;
  choice.value = next;
}

/** Dark where it is light now, and light where it is dark. */
export function toggle() {
  const other = theme.peek() === "dark" ? "light" : "dark";
  choose(other === (systemIsLight.peek() ? "light" : "dark") ? "system" : other);
}

// The browser's own bars go with the page.
effect(() => {
  void theme.value;
  const { backgroundColor } = getComputedStyle(document.body);
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
    meta.setAttribute("content", backgroundColor);
  }
});

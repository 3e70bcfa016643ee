/**
 * Which page is shown: follows the address bar, and follows links of this site without a reload.
 *
 * @module
 */

import { signal } from "@preact/signals";
import { routeOf } from "./routes.js";

/** What is shown now. */
export const route = signal(routeOf(location.pathname));

/**
 * Show another page, as if its link had been followed.
 *
 * @param {string} path
 * @param {{replace?: boolean}} [options] `replace`: the page that is left is not gone back to
 */
export function go(path, { replace = false } = {}) {
  if (path === location.pathname) return;
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  show();
  scrollTo(0, 0);
}

function show() {
  route.value = routeOf(location.pathname);
}

/**
 * Return the path of the page that a click leads to, where this page can show it itself: a plain
 * click on a link of this site that is neither an API route nor a file.
 *
 * @param {MouseEvent} event
 * @returns {string | null}
 */
function pathOf(event) {
  if (event.defaultPrevented || event.button !== 0) return null;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target !== "" || link.hasAttribute("download"))
    return null;
  const url = new URL(link.href);
  if (url.origin !== location.origin || url.hash !== "") return null;
  return routeOf(url.pathname).page === "missing" ? null : url.pathname;
}

/** Begin to follow links and the way back, for the life of the page. */
export function follow() {
  addEventListener("popstate", show);
  document.addEventListener("click", (event) => {
    const path = pathOf(event);
    if (path === null) return;
    event.preventDefault();
    go(path);
  });
}

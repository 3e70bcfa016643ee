/**
 * What the browser's tab says: the page, and where that is of one symbol (the dashboard's is the
 * first) its price, for as long as that is the present one.
 *
 * @module
 */

import { computed } from "@preact/signals";
import { price } from "./format.js";
import { route } from "./navigation.js";
import { PLACES } from "./routes.js";
import { cardOf, order, second, unreachable } from "./state.js";

const SITE = "tickwire";

/** The title of the page, moving once a second at most, also while nobody sees anything else. */
export const title = computed(() => {
  const { page, name } = route.value;
  void second.value;
  const key = page === "symbol" ? name : page === "dashboard" ? order.value[0] : undefined;
  if (key !== undefined && order.value.includes(key)) {
    const { price: last, decimals, symbol, stale } = cardOf(key).peek();
    const now = stale || unreachable.value ? "stale:" : price(last, decimals);
    if (last !== null) return `${now} ${symbol} · ${SITE}`;
  }
  const place = PLACES.find((one) => one.page === page)?.title;
  return `${place ?? (name || "Nothing here")} · ${SITE}`;
});

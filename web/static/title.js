/**
 * What the browser's tab says: the page, and where that is of one symbol (the dashboard's is the
 * first) its price.
 *
 * @module
 */

import { computed } from "@preact/signals";
import { price } from "./format.js";
import { route } from "./navigation.js";
import { PLACES } from "./routes.js";
import { cardOf, clock, order } from "./state.js";

const SITE = "tickwire";

/** The title of the page, moving once a second at most. */
export const title = computed(() => {
  const { page, name } = route.value;
  void clock.value;
  const key = page === "symbol" ? name : page === "dashboard" ? order.value[0] : undefined;
  if (key !== undefined && order.value.includes(key)) {
    const { price: last, decimals, symbol } = cardOf(key).peek();
    if (last !== null) return `${price(last, decimals)} ${symbol} · ${SITE}`;
  }
  const place = PLACES.find((one) => one.page === page)?.title;
  return `${place ?? (name || "Nothing here")} · ${SITE}`;
});

/**
 * The addresses of the pages, and what each is of. Pure.
 *
 * @module
 */

/**
 * @typedef {"dashboard" | "markets" | "symbol" | "status" | "missing"} PageName
 *
 * @typedef {object} Route
 * @property {PageName} page
 * @property {string} path as the address bar has it
 * @property {string} name of a symbol page: what stands for the symbol, `exchange:symbol` or bare
 */

/** The pages with a place in the navigation, in order. `key` follows `g`. */
export const PLACES = /** @type {const} */ ([
  { page: "dashboard", path: "/", title: "Dashboard", key: "d" },
  { page: "markets", path: "/markets", title: "Markets", key: "m" },
  { page: "status", path: "/status", title: "Status", key: "s" },
]);

const SYMBOL = "/s/";

/**
 * Return what is at a path; `missing` where nothing is.
 *
 * @param {string} path
 * @returns {Route}
 */
export function routeOf(path) {
  const plain = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const at = plain === "/dashboard" || plain === "" ? "/" : plain;
  const place = PLACES.find((one) => one.path === at);
  if (place !== undefined) return { page: place.page, path, name: "" };
  if (plain.startsWith(SYMBOL)) {
    const name = decoded(plain.slice(SYMBOL.length));
    if (name !== null && name !== "" && !name.includes("/")) return { page: "symbol", path, name };
  }
  return { page: "missing", path, name: "" };
}

/**
 * Return the address of a symbol's page.
 *
 * @param {string} key `exchange:symbol`
 * @returns {string}
 */
export function symbolPath(key) {
  return SYMBOL + encodeURIComponent(key).replaceAll("%3A", ":");
}

/** @param {string} text @returns {string | null} null where it is not encoded as it should be */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

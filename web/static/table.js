/**
 * The table of all symbols: its columns, which rows it has, in which order, and which of them can
 * be seen. Pure.
 *
 * @module
 */

/** @typedef {import("./cards.js").Card} Card */

/**
 * @typedef {"symbol" | "exchange" | "price" | "change" | "high" | "low" | "volume" | "average"
 *   | "updated"} ColumnName
 *
 * @typedef {object} Column
 * @property {ColumnName} name
 * @property {string} title
 * @property {(card: Card) => string | number | null} value what it is sorted by
 *
 * @typedef {object} Order
 * @property {ColumnName} by
 * @property {boolean} falling the greatest first
 */

/** From left to right. @type {readonly Column[]} */
export const COLUMNS = [
  { name: "symbol", title: "Symbol", value: ({ symbol }) => symbol },
  { name: "exchange", title: "Exchange", value: ({ exchange }) => exchange },
  { name: "price", title: "Price", value: ({ price }) => price },
  { name: "change", title: "24\u202fh", value: ({ changePercent }) => changePercent },
  { name: "high", title: "24\u202fh high", value: ({ high }) => high },
  { name: "low", title: "24\u202fh low", value: ({ low }) => low },
  // Amounts of different coins say nothing beside each other: the server compares them in dollars.
  { name: "volume", title: "24\u202fh volume", value: ({ rank }) => (rank === null ? null : -rank) },
  { name: "average", title: "Hour avg", value: ({ hourAverage }) => hourAverage },
  { name: "updated", title: "Updated", value: ({ bornAt }) => bornAt },
];

/** @type {Order} */
export const MOST_TRADED = { by: "volume", falling: true };

/**
 * What is chosen of the table: a text and an exchange that rows must have ("" for any), the order.
 *
 * @typedef {{text: string, exchange: string, order: Order}} Choice
 */

/**
 * Return what an address has chosen; what it does not say, or says wrongly, is as it is at first.
 *
 * @param {string} query of the address, with or without its `?`
 * @returns {Choice}
 */
export function choiceOf(query) {
  const said = new URLSearchParams(query);
  const sort = said.get("sort") ?? "";
  const falling = sort.startsWith("-");
  const by = COLUMNS.find(({ name }) => name === sort.slice(falling ? 1 : 0))?.name;
  return {
    text: said.get("q") ?? "",
    exchange: said.get("exchange") ?? "",
    order: by === undefined ? MOST_TRADED : { by, falling },
  };
}

/**
 * Return the query of the address that chooses this, with its `?`; "" for what is there at first.
 *
 * @param {Choice} choice
 * @returns {string}
 */
export function queryOf({ text, exchange, order: { by, falling } }) {
  const said = new URLSearchParams();
  if (text.trim() !== "") said.set("q", text.trim());
  if (exchange !== "") said.set("exchange", exchange);
  const first = by === MOST_TRADED.by && falling === MOST_TRADED.falling;
  if (!first) said.set("sort", `${falling ? "-" : ""}${by}`);
  return said.size === 0 ? "" : `?${said}`;
}

/**
 * Return the order after a column's head was pressed: its own one first, then the other way round.
 *
 * @param {Order} before
 * @param {ColumnName} by
 * @returns {Order}
 */
export function pressed(before, by) {
  const falling = by !== "symbol" && by !== "exchange";
  return { by, falling: before.by === by ? !before.falling : falling };
}

/**
 * Return the cards in that order; what is not known is last either way, equals are by name.
 *
 * @param {readonly Card[]} cards
 * @param {Order} order
 * @returns {Card[]}
 */
export function ordered(cards, { by, falling }) {
  const value = COLUMNS.find(({ name }) => name === by)?.value ?? (() => null);
  const sign = falling ? -1 : 1;
  return cards.toSorted((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) {
      if (a !== b) return a === null ? 1 : -1;
    } else if (a !== b) {
      return a < b ? -sign : sign;
    }
    return one.symbol < other.symbol || (one.symbol === other.symbol && one.key < other.key) ? -1 : 1;
  });
}

/**
 * Return the cards of an exchange (of all where it is "") that have a text in their names.
 *
 * @param {readonly Card[]} cards
 * @param {string} text in any spelling: `btc/usd`, `BTCUSD`, `bitcoin`
 * @param {string} exchange
 * @returns {readonly Card[]}
 */
export function filtered(cards, text, exchange) {
  const wanted = plain(text);
  if (wanted === "" && exchange === "") return cards;
  return cards.filter(
    (card) =>
      (exchange === "" || card.exchange === exchange) &&
      (plain(card.key).includes(wanted) || plain(card.name ?? "").includes(wanted)),
  );
}

/** @param {string} text */
function plain(text) {
  return text.toUpperCase().replace(/[-/_:\s]/g, "");
}

/**
 * Return which rows lie between two heights, with `spare` more on either side.
 *
 * @param {number} top px below the first row's upper edge; may be negative
 * @param {number} bottom px
 * @param {number} rowPx height of a row
 * @param {number} count of rows
 * @param {number} [spare]
 * @returns {{first: number, last: number}} `last` is the one after
 */
export function between(top, bottom, rowPx, count, spare = 0) {
  const first = Math.floor(top / rowPx) - spare;
  const last = Math.ceil(bottom / rowPx) + spare;
  return { first: Math.min(count, Math.max(0, first)), last: Math.max(0, Math.min(count, last)) };
}

/**
 * Return the rows that can be seen with `spare` more on either side; where these are more than
 * `most`, those in the middle.
 *
 * @param {{first: number, last: number}} seen
 * @param {number} count of rows
 * @param {number} spare
 * @param {number} most
 * @returns {{first: number, last: number}}
 */
export function nearest(seen, count, spare, most) {
  const { first, last } = between(seen.first, seen.last, 1, count, spare);
  if (last - first <= most) return { first, last };
  const begin = first + Math.floor((last - first - most) / 2);
  return { first: begin, last: begin + most };
}

/** Candles as the server writes them. */

/** @param {number} time s UTC @param {Record<string, unknown>} [more] */
export function row(time, more = {}) {
  const t = new Date(time * 1000).toISOString();
  const trades = { v: 1, n: 1, revision: Number(more.n ?? 1) };
  return { t, o: 10, h: 10, l: 10, c: 10, closed: true, ...trades, ...more };
}

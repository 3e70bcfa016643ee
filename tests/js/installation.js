/** What an installation says of itself, with plausible values where a test does not care. */

/** @typedef {import("../../web/static/messages.js").ProcessStatus} ProcessStatus */
/** @typedef {import("../../web/static/messages.js").Feed} Feed */
/** @typedef {import("../../web/static/messages.js").Quality} Quality */
/** @typedef {import("../../web/static/messages.js").MissingTrades} MissingTrades */

export const AT = Date.UTC(2026, 10, 20, 12, 3, 11);

/** @param {string} name @param {Partial<ProcessStatus>} [rest] @returns {ProcessStatus} */
export const process = (name, rest) => ({
  name,
  pid: 7,
  state: "ready",
  since: AT,
  uptime_s: 60,
  restarts: 0,
  rate: 12.5,
  lag_ms: 3,
  queue: 0,
  rss_bytes: 41e6,
  last_error: null,
  counters: {},
  ...rest,
});

/** @param {string} exchange @param {Partial<Feed>} [rest] @returns {Feed} */
export const feed = (exchange, rest) => ({
  exchange,
  state: "connected",
  circuit: "closed",
  since: AT,
  attempt: 0,
  next_try: null,
  reason: null,
  gapless: true,
  journal_ok: true,
  silent: false,
  symbols: [],
  ...rest,
});

/** @param {string} symbol @param {Partial<Quality>} [rest] @returns {Quality} */
export const quality = (symbol, rest) => ({
  exchange: "coinbase",
  symbol,
  state: "live",
  age_ms: 1000,
  stale: false,
  gaps_open: 0,
  missing: 0,
  gaps_filled: 0,
  gaps_unfillable: 0,
  duplicates: 0,
  quarantined: 0,
  lag_p50_ms: 20,
  lag_p99_ms: 40,
  gapless: true,
  listed: true,
  nearest: null,
  stands_in_for: null,
  ...rest,
});

/** @param {string} symbol @param {Partial<MissingTrades>} [rest] @returns {MissingTrades} */
export const gap = (symbol, rest) => ({
  exchange: "coinbase",
  symbol,
  series: 0,
  first_id: 10,
  last_id: 12,
  ids: 3,
  state: "open",
  reason: "reconnect",
  opened_at: new Date(AT).toISOString(),
  closed_at: null,
  ...rest,
});

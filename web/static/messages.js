/**
 * The messages of the WebSocket `/ws` and of the REST routes that the page uses, as types.
 *
 * In come nothing but types; out goes one function, `readFrame`, which turns the text of a frame
 * into `{type, payload, timestamp}` or null. What is inside a payload is the business of store.js.
 * A number that the server does not have is null, never NaN.
 *
 * @module
 */

/**
 * The latest state of one symbol.
 *
 * @typedef {object} Ticker
 * @property {string} exchange
 * @property {string} symbol `BASE-QUOTE`
 * @property {number | null} price in units of the quote; null before the first trade
 * @property {number | null} ts when the trade happened: epoch ms
 * @property {number | null} [change_24h]
 * @property {number | null} [change_24h_pct] in percent
 * @property {number | null} [high_24h]
 * @property {number | null} [low_24h]
 * @property {number | null} [volume_24h]
 * @property {string | null} [hour_start] the hour's first instant: ISO-8601
 * @property {number | null} [hour_avg]
 * @property {number | null} [hour_count]
 * @property {boolean} [partial] the hour's first trades are missing from its average
 * @property {number | null} [age_ms] by the server's clock, at the moment of sending
 * @property {boolean} [stale]
 * @property {number} [epoch] of the stream that counts `seq`
 * @property {number} [seq] its place there
 */

/**
 * One candle, as `GET /api/candles` answers it and as a `candle_update` carries it.
 *
 * @typedef {object} WireCandle
 * @property {string} t its first instant: ISO-8601
 * @property {number} o
 * @property {number} h
 * @property {number} l
 * @property {number} c
 * @property {number} v
 * @property {number} n trades in it
 * @property {number | null} [vwap]
 * @property {boolean} [closed]
 * @property {number} [revision] strictly rising; equals `n`
 */

/**
 * @typedef {WireCandle & {exchange: string, symbol: string, interval: string,
 *   epoch?: number, seq?: number}} CandleUpdate
 */

/**
 * @typedef {object} SymbolStatus
 * @property {string} symbol
 * @property {"never received" | "live" | "quiet" | "stale"} state
 */

/**
 * The state of one exchange's connection.
 *
 * @typedef {object} FeedStatus
 * @property {string} exchange
 * @property {"idle" | "connecting" | "connected" | "reconnecting" | "disconnected"} state
 * @property {number} [since] when this state began: epoch ms
 * @property {number} [attempt]
 * @property {string | null} [reason]
 * @property {boolean} [journal_ok] false while trades cannot be recorded
 * @property {boolean} [silent] the feed's process gives no sign of life
 * @property {SymbolStatus[]} [symbols]
 */

/**
 * @typedef {object} ProcessStatus
 * @property {string} name
 * @property {string} state `ready`, `waiting: …`, or the supervisor's word
 * @property {number | null} uptime_s
 */

/**
 * `GET /api/status`.
 *
 * @typedef {object} Status
 * @property {string} version
 * @property {boolean} simulated
 * @property {{exchange: string, symbol: string}[]} symbols in the configured order
 * @property {FeedStatus[]} [feeds]
 * @property {ProcessStatus[]} [processes]
 */

/**
 * @typedef {object} Frame
 * @property {string} type in lower case
 * @property {any} payload anything: a reducer looks before it takes
 * @property {string | null} timestamp ISO-8601, the server's clock
 */

/**
 * Return the frame in `text`, or null where there is none (no JSON, no object, no type).
 *
 * @param {unknown} text
 * @returns {Frame | null}
 */
export function readFrame(text) {
  if (typeof text !== "string") return null;
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (value === null || typeof value !== "object" || typeof value.type !== "string") return null;
  return {
    type: value.type.toLowerCase(),
    payload: value.payload ?? {},
    timestamp: typeof value.timestamp === "string" ? value.timestamp : null,
  };
}

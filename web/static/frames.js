/**
 * Frames of `/ws` and `/sse`: text in, `{type, payload, timestamp}` out, or null. What is inside
 * a payload is the business of store.js; messages.js says what it is meant to be.
 *
 * @module
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

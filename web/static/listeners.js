/**
 * Who wants to hear of what: names of events and their handlers.
 *
 * A handler that throws is reported as any error of the page is, and keeps nobody else from
 * hearing. A handler that is added twice is called once.
 *
 * @module
 */

/** @typedef {(payload: any, more: any) => void} Handler */

/** Handlers by event. */
export class Listeners {
  /** @type {Map<string, Set<Handler>>} */
  #handlers = new Map();

  /** @param {string} event @param {Handler} handler */
  add(event, handler) {
    const present = this.#handlers.get(event);
    if (present === undefined) this.#handlers.set(event, new Set([handler]));
    else present.add(handler);
  }

  /** @param {string} event @param {Handler} [handler] all of the event by default */
  remove(event, handler) {
    const present = this.#handlers.get(event);
    if (handler !== undefined) present?.delete(handler);
    if (handler === undefined || present?.size === 0) this.#handlers.delete(event);
  }

  /** True when somebody listens. @param {string} event */
  has(event) {
    return this.#handlers.has(event);
  }

  /** @param {string} event @param {any} payload @param {any} [more] */
  tell(event, payload, more) {
    for (const handler of this.#handlers.get(event) ?? []) {
      try {
        handler(payload, more);
      } catch (error) {
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }
}

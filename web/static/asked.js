/**
 * Answers of REST routes that a page keeps an eye on: asked for while somebody looks, again every
 * so often, and at once when a page that was hidden is looked at again. A failure leaves the last
 * answer and is said; the next time asks again, and so may whoever reads it.
 *
 * @module
 */

import { useEffect, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { RequestFailed, ask } from "./api.js";

/**
 * @template T
 * @typedef {object} Asked
 * @property {T | null} value the last answer
 * @property {number} at ms of this machine's clock at which it came
 * @property {string | null} error why the last try brought none
 */

/**
 * @template T
 * @typedef {object} Asking
 * @property {import("@preact/signals").Signal<Asked<T>>} asked
 * @property {() => void} again asks now
 * @property {() => void} end
 */

/**
 * What is known now: the last answer, unless the last try has failed.
 *
 * @template T
 * @param {Asked<T>} asked
 * @returns {T | null}
 */
export function present({ value, error }) {
  return error === null ? value : null;
}

/** @returns {Asked<any>} */
const nothing = () => ({ value: null, at: 0, error: null });

/**
 * Ask now and then, until it is ended.
 *
 * @template T
 * @param {string} url
 * @param {number} everyMs
 * @returns {Asking<T>}
 */
export function asking(url, everyMs) {
  const asked = signal(nothing());
  /** @type {number | undefined} */
  let timer;
  let running = false;
  let ended = false;
  const again = async () => {
    clearTimeout(timer);
    if (running || ended) return;
    running = true;
    let wait = everyMs;
    try {
      const { body } = await ask(url);
      asked.value = { value: body, at: Date.now(), error: null };
    } catch (error) {
      if (error instanceof RequestFailed) wait = Math.max(wait, error.afterMs ?? 0);
      asked.value = { ...asked.peek(), error: error instanceof Error ? error.message : `${error}` };
    }
    running = false;
    if (!ended && document.visibilityState === "visible") timer = setTimeout(again, wait);
  };
  const seen = () => {
    if (document.visibilityState === "visible") void again();
  };
  document.addEventListener("visibilitychange", seen);
  void again();
  const end = () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
  return { asked, again: () => void again(), end };
}

/**
 * Ask for as long as a component is shown.
 *
 * @template T
 * @param {string} url the same each time
 * @param {number} everyMs
 * @returns {Asked<T> & {again: () => void}}
 */
export function useAsked(url, everyMs) {
  const [made, keep] = useState(/** @type {Asking<T> | null} */ (null));
  useEffect(() => {
    const one = /** @type {Asking<T>} */ (asking(url, everyMs));
    keep(one);
    return one.end;
  }, [url, everyMs]);
  return { ...(made?.asked.value ?? nothing()), again: () => made?.again() };
}

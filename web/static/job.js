/**
 * A request that goes on until it has worked: one at a time, with back-off, and once more where it
 * is asked for while it runs. What it brings is handed over, what fails is said in a sentence.
 *
 * @module
 */

import { RequestFailed } from "./api.js";
import { fullJitter } from "./backoff.js";

/** A failed request is not repeated sooner than this. */
const RETRY_MS_MIN = 2_000;

/** @template T */
export class Job {
  #fetch;
  #take;
  #fail;
  #goesOn;
  #running = false;
  #again = false;
  #ended = false;
  /** Failures in a row. */
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {() => Promise<T>} fetch
   * @param {(answer: T) => void} take
   * @param {(error: string) => void} [fail]
   * @param {() => boolean} [goesOn] asked before what has failed is tried again
   */
  constructor(fetch, take, fail = () => {}, goesOn = () => true) {
    this.#fetch = fetch;
    this.#take = take;
    this.#fail = fail;
    this.#goesOn = goesOn;
  }

  /** Ask, now; what is being answered counts no more. */
  async run() {
    clearTimeout(this.#timer);
    if (this.#running || this.#ended) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      const answer = await this.#fetch();
      this.#attempt = 0;
      if (!this.#again && !this.#ended) this.#take(answer);
    } catch (error) {
      const least = error instanceof RequestFailed ? (error.afterMs ?? 0) : 0;
      const wait = Math.max(least, RETRY_MS_MIN + fullJitter(this.#attempt, Math.random));
      this.#attempt += 1;
      if (!this.#ended) {
        this.#fail(error instanceof Error ? error.message : String(error));
        this.#timer = setTimeout(() => {
          if (this.#goesOn()) void this.run();
        }, wait);
      }
    } finally {
      this.#running = false;
    }
    if (this.#again && !this.#ended) {
      this.#again = false;
      void this.run();
    }
  }

  /** Hand over nothing any more. */
  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}

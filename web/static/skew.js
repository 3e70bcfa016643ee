/**
 * How far this machine's clock is ahead of the server's. Pure.
 *
 * In come moments of the server's clock, each with the moment of ours at which it was heard. What
 * was least on its way tells the truth best; what was told over a minute or two ago is forgotten,
 * since a clock may be set.
 *
 * @module
 */

const WINDOW_MS = 60_000;

/** What the last moments have told. */
export class Skew {
  #since = -Infinity;
  #least = Infinity;
  /** Of the window before this one. */
  #before = Infinity;

  /**
   * @param {number} told ms of the server's clock
   * @param {number} at ms of ours
   */
  take(told, at) {
    if (Math.abs(at - this.#since) >= WINDOW_MS) {
      this.#before = this.#least;
      this.#least = Infinity;
      this.#since = at;
    }
    this.#least = Math.min(this.#least, at - told);
  }

  /** ms; 0 before anything was told. */
  get ms() {
    const least = Math.min(this.#least, this.#before);
    return least === Infinity ? 0 : least;
  }
}

/**
 * Server-sent events as text: chunks in, events out, as the HTML standard reads a stream of them
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure.
 *
 * Kinds and ids of events are passed over: our frames name their own kind and place.
 *
 * @module
 */

/** A stream that has no end of a line for so long is no stream of events. */
export const LINE_CHARS_MAX = 8 << 20;

/**
 * @param {object} told
 * @param {(data: string) => void} told.event
 * @param {() => void} told.comment
 * @param {(ms: number) => void} told.retry how soon to return, once the stream has ended
 * @returns {(chunk: string) => void} to be given the stream, cut anywhere
 * @throws {RangeError} by what is returned, for a line that never ends
 */
export function readEvents({ event, comment, retry }) {
  let rest = "";
  /** @type {string[]} */
  let data = [];

  /** @param {string} line */
  function take(line) {
    if (line === "") {
      const text = data.join("\n");
      data = [];
      if (text !== "") event(text);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) {
      comment();
      return;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "retry" && /^\d{1,9}$/.test(value)) retry(Number(value));
  }

  return (chunk) => {
    // A return at the end may be the first half of a line's end.
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARS_MAX) {
      throw new RangeError(`a line has ${rest.length} characters, at most ${LINE_CHARS_MAX}`);
    }
    lines.forEach(take);
  };
}

/**
 * The pipeline drawn: a box for each process, a line for each way that data goes. From left to
 * right where there is room, else from top to bottom. The lines follow the boxes, wherever the
 * style sheet puts them.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import * as format from "../format.js";
import { clock } from "../state.js";

/** What a process's rate counts, by kind. */
const UNITS = /** @type {Record<string, string>} */ ({
  web: "messages",
  tap: "messages",
  simulator: "frames",
});
const THIN = "\u202f";
/** Within so many px of its end a line bends. */
const BEND = 40;

/** @param {{pipeline: import("../pipeline.js").Pipeline}} props */
export function Diagram({ pipeline }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drawn = useSignal(/** @type {string[]} */ ([]));
  const { stages, lines, beside, unused } = pipeline;
  const draw = () => {
    if (place.current === null) return; // left, and the last change of its size told after that
    const paths = pathsOf(place.current, lines);
    if (paths.join() !== drawn.peek().join()) drawn.value = paths;
  };
  const latest = useRef(draw);
  latest.current = draw;
  useLayoutEffect(draw);
  useEffect(() => {
    const watcher = new ResizeObserver(() => latest.current());
    if (place.current !== null) watcher.observe(place.current);
    return () => watcher.disconnect();
  }, []);
  return html`
    <div class="pipeline" ref=${place}>
      <svg class="wires" aria-hidden="true">
        ${drawn.value.map(
          (path, index) =>
            html`<path key=${index} d=${path} class=${lines[index]?.flows ? "" : "still"} />`,
        )}
      </svg>
      ${stages.map(
        ({ title, boxes }) =>
          html`<section class="stage" key=${title} aria-label=${title}>
            <h3 class="label">${title}</h3>
            <div class="boxes">
              ${boxes.map((box) => html`<${Process} key=${box.id} box=${box} />`)}
            </div>
          </section>`,
      )}
    </div>
    <div class="beside">${beside.map((box) => html`<${Process} key=${box.id} box=${box} />`)}</div>
    ${
      unused.length > 0 &&
      html`<p class="label unused">
        Not in use: ${unused.map(({ name, note }) => `${name} (${note})`).join(", ")}
      </p>`
    }
  `;
}

/** @param {{box: import("../pipeline.js").Box}} props */
function Process({ box }) {
  const { id, name, level, word, since, note, process } = box;
  const from = since !== null && level !== "good" ? ` since ${format.time(since, clock.value)}` : "";
  return html`<article class="process" data-id=${id} data-level=${level} aria-label=${name}>
    <h4 class="process-head" data-level=${level}>
      <span class="process-name"><span class="dot" aria-hidden="true"></span>${name}</span>
      <span class="process-word">${word}${from}</span>
    </h4>
    ${process !== null && html`<p class="figures">${figuresOf(process).map(figure)}</p>`}
    ${note !== "" && html`<p class="note" title=${note}>${note}</p>`}
  </article>`;
}

/** @param {[text: string, meaning: string]} figure */
function figure([text, meaning]) {
  return html`<span key=${meaning} title=${meaning}>${text}</span>`;
}

/**
 * @param {import("../messages.js").ProcessStatus} process
 * @returns {[text: string, meaning: string][]} those that are known
 */
function figuresOf({ name, rate, lag_ms, queue, rss_bytes, restarts, uptime_s, counters }) {
  const unit = UNITS[name.replace(/-.*/s, "")] ?? "trades";
  const clients = counters.connections;
  /** @type {[string, string][]} */
  const figures = [];
  if (rate !== null) figures.push([`${format.price(rate, 1)} ${unit}/s`, "What it does now"]);
  if (lag_ms !== null) figures.push([`lag ${format.milliseconds(lag_ms)}`, "Behind the trades' receipt"]);
  if (queue) figures.push([`${format.count(queue)} waiting`, "What waits to be done"]);
  if (clients !== undefined) figures.push([`${format.count(clients)} connected`, "Live connections"]);
  if (rss_bytes !== null) figures.push([format.bytes(rss_bytes), "Memory"]);
  if (restarts !== null)
    figures.push([`${restarts}${THIN}${restarts === 1 ? "restart" : "restarts"}`, "Since tickwire started"]);
  if (uptime_s !== null) figures.push([`up ${format.duration(uptime_s * 1000)}`, "Since it started"]);
  return figures;
}

/**
 * Return the paths of the lines between boxes where they stand now: from side to side where the
 * stages stand side by side, else from bottom to top.
 *
 * @param {HTMLElement} place
 * @param {readonly import("../pipeline.js").Line[]} lines
 * @returns {string[]} "" where a box is missing
 */
function pathsOf(place, lines) {
  const { left: x, top: y } = place.getBoundingClientRect();
  const stacked = !getComputedStyle(place).gridTemplateColumns.includes(" ");
  /** @type {Map<string, DOMRect>} */
  const boxes = new Map();
  for (const box of place.querySelectorAll(".process")) {
    const { left, top, width, height } = box.getBoundingClientRect();
    boxes.set(box.getAttribute("data-id") ?? "", new DOMRect(left - x, top - y, width, height));
  }
  return lines.map(({ from, to }) => {
    const [source, target] = [boxes.get(from), boxes.get(to)];
    if (source === undefined || target === undefined) return "";
    return stacked
      ? curve(middle(source.left, source.right), source.bottom, middle(target.left, target.right), target.top, true)
      : curve(source.right, middle(source.top, source.bottom), target.left, middle(target.top, target.bottom), false);
  });
}

/** @param {number} one @param {number} other */
const middle = (one, other) => (one + other) / 2;

/**
 * Return a line that goes straight until shortly before its end, and bends there.
 *
 * @param {number} x @param {number} y its begin
 * @param {number} u @param {number} v its end
 * @param {boolean} down whether it goes down, else to the right
 */
function curve(x, y, u, v, down) {
  const back = Math.max(0, Math.min(BEND, down ? v - y : u - x));
  const half = back / 2;
  const bend = down ? [x, v - half, u, v - half, u, v] : [u - half, y, u - half, v, u, v];
  return `M${Math.round(x)} ${Math.round(y)} ${down ? "V" : "H"}${Math.round((down ? v : u) - back)} C${bend.map(Math.round).join(" ")}`;
}

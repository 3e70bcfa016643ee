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
/** And so many px beside a box that is in its way. */
const ASIDE = 6;

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
  const all = [...boxes.values()].map((box) => placed(box, stacked));
  return lines.map(({ from, to }) => {
    const [source, target] = [boxes.get(from), boxes.get(to)];
    if (source === undefined || target === undefined) return "";
    return way(placed(source, stacked), placed(target, stacked), all, stacked);
  });
}

/**
 * @typedef {object} Placed a box along the way that data go, and across it
 * @property {number} begin
 * @property {number} end
 * @property {number} low
 * @property {number} high
 */

/** @param {DOMRect} box @param {boolean} down @returns {Placed} */
function placed({ left, right, top, bottom }, down) {
  return down
    ? { begin: top, end: bottom, low: left, high: right }
    : { begin: left, end: right, low: top, high: bottom };
}

/**
 * Return a line from one box to another: it bends shortly after its begin into a lane in which no
 * other box lies, and shortly before its end out of it.
 *
 * @param {Placed} source
 * @param {Placed} target
 * @param {readonly Placed[]} all
 * @param {boolean} down whether it goes down, else to the right
 */
function way(source, target, all, down) {
  const [from, to] = [middle(source), middle(target)];
  const between = all.filter(({ begin, end }) => begin >= source.end && end <= target.begin);
  const isFree = (/** @type {number} */ at) =>
    at > 0 && between.every(({ low, high }) => at < low || at > high);
  const lanes = [from, ...between.flatMap(({ low, high }) => [low - ASIDE, high + ASIDE])];
  const far = (/** @type {number} */ at) => Math.abs(at - from);
  const lane = lanes.filter(isFree).sort((one, other) => far(one) - far(other))[0] ?? from;
  const back = Math.max(0, Math.min(BEND, target.begin - source.end));
  const at = (/** @type {number} */ along, /** @type {number} */ across) =>
    (down ? [across, along] : [along, across]).map(Math.round).join(" ");
  const bend = (/** @type {number} */ along, /** @type {number} */ one, /** @type {number} */ other) =>
    `C${at(along + back / 2, one)} ${at(along + back / 2, other)} ${at(along + back, other)}`;
  const [begin, end] = [source.end, target.begin];
  const aside = lane === from ? "" : bend(begin, from, lane);
  return `M${at(begin, from)} ${aside} L${at(end - back, lane)} ${bend(end - back, lane, to)}`;
}

/** @param {Placed} box */
const middle = ({ low, high }) => (low + high) / 2;

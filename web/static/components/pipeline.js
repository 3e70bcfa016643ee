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
const UNITS = /** @type {Record<string, string>} */ ({ web: "messages", simulator: "frames" });
const THIN = "\u202f";

/** @param {{pipeline: import("../pipeline.js").Pipeline}} props */
export function Diagram({ pipeline }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drawn = useSignal(/** @type {string[]} */ ([]));
  const { stages, lines, beside, unused } = pipeline;
  const draw = () => {
    const paths = place.current === null ? [] : lines.map((line) => pathOf(place.current, line));
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
            ${boxes.map((box) => html`<${Process} key=${box.id} box=${box} />`)}
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
      <span class="dot" aria-hidden="true"></span>
      <span class="process-name">${name}</span>
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
 * Return the path of a line between two boxes where they stand now: from side to side where they
 * stand side by side, else from bottom to top. A short way, with its bends in the middle.
 *
 * @param {HTMLElement | null} place
 * @param {import("../pipeline.js").Line} line
 * @returns {string}
 */
function pathOf(place, { from, to }) {
  const find = (/** @type {string} */ id) =>
    place?.querySelector(`[data-id="${CSS.escape(id)}"]`)?.getBoundingClientRect();
  const [origin, source, target] = [place?.getBoundingClientRect(), find(from), find(to)];
  if (origin === undefined || source === undefined || target === undefined) return "";
  const round = (/** @type {number[]} */ ...all) => all.map(Math.round).join(" ");
  if (target.left >= source.right) {
    const [x, y] = [source.right - origin.left, (source.top + source.bottom) / 2 - origin.top];
    const [u, v] = [target.left - origin.left, (target.top + target.bottom) / 2 - origin.top];
    const bend = u - Math.min(40, u - x) / 2;
    return `M${round(x, y)} C${round(bend, y, bend, v, u, v)}`;
  }
  const [x, y] = [(source.left + source.right) / 2 - origin.left, source.bottom - origin.top];
  const [u, v] = [(target.left + target.right) / 2 - origin.left, target.top - origin.top];
  const bend = v - Math.min(40, v - y) / 2;
  return `M${round(x, y)} C${round(x, bend, u, bend, u, v)}`;
}

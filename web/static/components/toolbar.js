/**
 * The line above a chart: interval, range, type, indicators, scale, export.
 *
 * @module
 */

import { html } from "htm/preact";
import { change, settings } from "../chart/kept.js";
import { STUDIES } from "../chart/studies.js";
import { count } from "../format.js";
import { INTERVALS, RANGES, intervalFor, partOf } from "../intervals.js";
import { address } from "../past.js";
import { Menu } from "./menu.js";

/** @typedef {import("../intervals.js").Interval} Interval */
/** @typedef {import("../intervals.js").RangeName} RangeName */
/** @typedef {import("../chart/studies.js").StudyName} StudyName */

/** What one answer has at most: hourly averages of 31 days, and so many trades and candles. */
const AVERAGES_S_MAX = 31 * 86_400;
const TRADES_MAX = 1_000;
const CANDLES_MAX = 10_000;
/** Of so many stored candles, which longer ones are made of. */
const STORED_MAX = 20_000;

/**
 * @param {object} props
 * @param {string} props.name the symbol's key
 * @param {() => {from: number, to: number} | null} props.seen s, what of time is seen
 * @param {() => void} props.onPicture
 */
export function Toolbar({ name, seen, onPicture }) {
  const { interval, range, type, log, studies } = settings.value;
  return html`<div class="toolbar" role="toolbar" aria-label="Chart">
    <div class="tools" role="group" aria-label="Interval">
      ${Object.keys(INTERVALS).map((each) =>
        tool(each, each === interval, () => change({ interval: /** @type {Interval} */ (each) })),
      )}
    </div>
    <div class="tools" role="group" aria-label="Range">
      ${/** @type {RangeName[]} */ (Object.keys(RANGES)).map((each) =>
        tool(each, each === range, () =>
          change({ range: each, interval: intervalFor(each, interval) }),
        ),
      )}
    </div>
    <div class="tools">
      ${tool("Line", type === "line", () => change({ type: type === "line" ? "candles" : "line" }))}
      ${tool("Log", log, () => change({ log: !log }))}
      <${Menu} id="studies" label="Indicators">
        ${/** @type {StudyName[]} */ (Object.keys(STUDIES)).map(
          (each) => html`<label key=${each} class="choice">
            <input
              type="checkbox"
              checked=${studies.includes(each)}
              onChange=${() => change({ studies: toggled(studies, each) })}
            />
            ${STUDIES[each]}
          </label>`,
        )}
      <//>
      <${Menu} id="exports" label="Export">
        <button type="button" class="choice" onClick=${onPicture}>Picture (PNG)</button>
        ${files(name, interval, seen)}
      <//>
    </div>
  </div>`;
}

/** @param {string} label @param {boolean} pressed @param {() => void} onClick */
function tool(label, pressed, onClick) {
  return html`<button
    key=${label}
    type="button"
    class="tool"
    aria-pressed=${pressed}
    onClick=${onClick}
  >
    ${label}
  </button>`;
}

/** @param {readonly StudyName[]} studies @param {StudyName} one */
function toggled(studies, one) {
  return studies.includes(one) ? studies.filter((each) => each !== one) : [...studies, one];
}

/**
 * Links to files of what is seen; the range is that of the moment of the click, and none before
 * there is one: then it is the newest.
 *
 * @param {string} name
 * @param {Interval} interval
 * @param {() => {from: number, to: number} | null} seen
 */
function files(name, interval, seen) {
  const seconds = INTERVALS[interval];
  const stored = Math.floor((STORED_MAX * INTERVALS[partOf(interval)]) / seconds);
  const candles = count(Math.min(CANDLES_MAX, stored));
  /** @type {[string, string, Record<string, string | number>, number][]} */
  const kinds = [
    [`Candles (CSV, the newest ${candles})`, "/api/candles", { symbol: name, interval }, Infinity],
    ["Hour averages (CSV, 31 days at most)", "/api/averages", { pair: name }, AVERAGES_S_MAX],
    [
      `Trades (CSV, the newest ${count(TRADES_MAX)})`,
      "/api/trades",
      { symbol: name, limit: TRADES_MAX },
      Infinity,
    ],
  ];
  return kinds.map(
    ([label, path, query, most]) => html`<a
      key=${path}
      class="choice"
      download
      href=${address(path, { ...query, format: "csv" })}
      onClick=${(/** @type {Event} */ event) => {
        const range = seen();
        if (range === null || !(event.currentTarget instanceof HTMLAnchorElement)) return;
        const to = range.to + seconds;
        const from = Math.max(range.from, to - most);
        event.currentTarget.href = address(path, { ...query, format: "csv", from: iso(from), to: iso(to) });
      }}
    >
      ${label}
    </a>`,
  );
}

/** @param {number} at s */
const iso = (at) => new Date(at * 1000).toISOString();

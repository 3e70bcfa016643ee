/**
 * The line above a chart: interval, range, type, indicators, scale, export.
 *
 * @module
 */

import { html } from "htm/preact";
import { change, settings } from "../chart/kept.js";
import { STUDIES } from "../chart/studies.js";
import { INTERVALS, RANGES, intervalFor } from "../intervals.js";
import { address } from "../past.js";
import { Menu } from "./menu.js";

/** @typedef {import("../intervals.js").Interval} Interval */
/** @typedef {import("../intervals.js").RangeName} RangeName */
/** @typedef {import("../chart/studies.js").StudyName} StudyName */

/** Hourly averages are asked for 31 days at most, and trades a thousand at most. */
const AVERAGES_S_MAX = 31 * 86_400;
const TRADES_MAX = 1_000;

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
 * Links to files of what is seen; the range is that of the moment of the click.
 *
 * @param {string} name
 * @param {Interval} interval
 * @param {() => {from: number, to: number} | null} seen
 */
function files(name, interval, seen) {
  const seconds = INTERVALS[interval];
  /** @type {[string, (range: {from: number, to: number}) => string][]} */
  const kinds = [
    [
      "Candles (CSV)",
      ({ from, to }) =>
        address("/api/candles", { symbol: name, interval, ...between(from, to + seconds) }),
    ],
    [
      "Hour averages (CSV, 31 days at most)",
      ({ from, to }) =>
        address("/api/averages", {
          pair: name,
          ...between(Math.max(from, to + seconds - AVERAGES_S_MAX), to + seconds),
        }),
    ],
    [
      "Trades (CSV, the newest 1,000)",
      ({ from, to }) =>
        address("/api/trades", {
          symbol: name,
          limit: TRADES_MAX,
          ...between(from, to + seconds),
        }),
    ],
  ];
  return kinds.map(
    ([label, of]) => html`<a
      key=${label}
      class="choice"
      download
      href=${`/api/candles?symbol=${encodeURIComponent(name)}&format=csv`}
      onClick=${(/** @type {Event} */ event) => {
        const range = seen();
        if (range !== null && event.currentTarget instanceof HTMLAnchorElement)
          event.currentTarget.href = of(range);
      }}
    >
      ${label}
    </a>`,
  );
}

/** @param {number} from s @param {number} to s */
function between(from, to) {
  const iso = (/** @type {number} */ at) => new Date(at * 1000).toISOString();
  return { from: iso(from), to: iso(to), format: "csv" };
}

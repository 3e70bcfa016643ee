/**
 * How the installation is: what is wrong and since when, the pipeline, and how good the data of
 * each symbol are.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { Diagram } from "../components/pipeline.js";
import { Gaps, Qualities } from "../components/quality.js";
import { useAsked } from "../asked.js";
import { bytes, time } from "../format.js";
import { loadStatus, loadStatusOften } from "../loader.js";
import { pipelineOf } from "../pipeline.js";
import {
  clock,
  database,
  disk,
  feeds,
  heardAt,
  processes,
  statusError,
  unreachable,
} from "../state.js";
import { troublesOf } from "../troubles.js";

const EVERY_MS = 3_000;
const QUALITY = "/api/quality?limit=1000";
const OPEN = "/api/gaps?state=open&limit=1000";

/** @typedef {import("../messages.js").Quality} Quality */
/** @typedef {import("../messages.js").MissingTrades} MissingTrades */

/** The status page. */
export function Page() {
  useEffect(loadStatusOften, []);
  const quality = /** @type {import("../asked.js").Asked<Quality[]>} */ (
    useAsked(QUALITY, EVERY_MS)
  );
  const open = /** @type {import("../asked.js").Asked<MissingTrades[]>} */ (
    useAsked(OPEN, EVERY_MS)
  );
  const all = Object.values(feeds.value);
  const known = { processes: processes.value, feeds: all, disk: disk.value };
  const troubles = troublesOf({ ...known, quality: quality.value ?? [], gaps: open.value ?? [] }, clock.value);
  const old = unreachable.value || statusError.value !== null;
  return html`<div class=${`status${old ? " old" : ""}`}>
    <h1 class="unseen">Status</h1>
    <${Verdict} troubles=${troubles} of=${[quality, open]} />
    <section id="pipeline-section" aria-labelledby="pipeline">
      <div class="section-head">
        <h2 id="pipeline">Pipeline</h2>
        <${Disk} />
      </div>
      ${
        processes.value.length === 0
          ? html`<${Nothing} error=${statusError.value} again=${loadStatus} />`
          : html`<${Diagram} pipeline=${pipelineOf(processes.value, all, database.value)} />`
      }
    </section>
    <section aria-labelledby="quality">
      <h2 id="quality">Data quality</h2>
      ${
        quality.value === null
          ? html`<${Nothing} ...${quality} />`
          : html`${quality.error !== null && html`<${Nothing} ...${quality} />`}
              <div class=${quality.error === null ? "" : "old"}>
                <${Qualities} rows=${quality.value} at=${quality.at} />
              </div>`
      }
    </section>
    <section aria-labelledby="gaps">
      <h2 id="gaps">Missing trades</h2>
      <${Gaps} />
    </section>
  </div>`;
}

/** @typedef {import("../asked.js").Asked<unknown> & {again: () => void}} Asked */

/**
 * @param {object} props
 * @param {import("../troubles.js").Trouble[]} props.troubles
 * @param {Asked[]} props.of what else they were found in
 */
function Verdict({ troubles, of }) {
  const error = statusError.value;
  const unread = of.find((each) => each.error !== null);
  const at = heardAt.value;
  if (processes.value.length === 0)
    return html`<p class="verdict"><span class="dot" aria-hidden="true"></span>Not known yet.</p>`;
  if (unreachable.value)
    return html`<p class="verdict" data-level="unknown">
      <span class="dot" aria-hidden="true"></span>
      <strong>How it is now is not known.</strong>
      ${at !== null && `The backend is not reached; below is how it was at ${time(at, clock.value)}.`}
    </p>`;
  if (error !== null)
    return html`<p class="verdict" data-level="warn">
      <span class="dot" aria-hidden="true"></span>
      The status could not be read: ${error}${" "}
      <button type="button" class="quiet-button" onClick=${loadStatus}>Retry</button>
    </p>`;
  if (troubles.length === 0 && unread !== undefined)
    return html`<p class="verdict" data-level="warn">
      <span class="dot" aria-hidden="true"></span>
      Whether trades are missing could not be read: ${unread.error}${" "}
      <button type="button" class="quiet-button" onClick=${unread.again}>Retry</button>
    </p>`;
  if (troubles.length === 0 && of.some(({ value }) => value === null))
    return html`<p class="verdict"><span class="dot" aria-hidden="true"></span>Not known yet.</p>`;
  if (troubles.length === 0)
    return html`<p class="verdict" data-level="good">
      <span class="dot" aria-hidden="true"></span>
      <strong>All is well.</strong> Every process runs, every exchange is connected, no trade is missing.
    </p>`;
  return html`<ul class="troubles" aria-label="What is wrong">
    ${troubles.map(
      ({ level, what, why, advice, since }) =>
        html`<li key=${what} class="trouble" data-level=${level}>
          <span class="dot" aria-hidden="true"></span>
          <p>
            <strong>${what}</strong>
            ${since !== null && html`<span class="label"> since ${time(since, clock.value)}</span>`}
            ${why !== "" && html`<span class="why">${why}</span>`}
            ${advice !== "" && html`<span class="label advice">${advice}</span>`}
          </p>
        </li>`,
    )}
  </ul>`;
}

function Disk() {
  const { free_bytes = null, total_bytes = null, journals = {} } = disk.value ?? {};
  if (free_bytes === null) return null;
  const sum = Object.values(journals).reduce((all, one) => all + one, 0);
  return html`<p class="label">
    Disk: ${bytes(free_bytes)} of ${bytes(total_bytes)} free, journals ${bytes(sum)}
  </p>`;
}

/** @param {{error: string | null, again: () => void}} props */
function Nothing({ error, again }) {
  if (error === null) return html`<div class="skeleton part" aria-busy="true"></div>`;
  return html`<p class="empty">
    ${error}${" "}<button type="button" class="quiet-button" onClick=${again}>Retry</button>
  </p>`;
}

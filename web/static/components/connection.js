/**
 * The connection chip: a dot, a word, and where there is room how fast the server answers, or the
 * count-down to the next try. Behind it: what is connected, since when, how much was missed and what became of it.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { signal, useComputed, useSignal } from "@preact/signals";
import { time } from "../format.js";
import { connectionOf, exchangeState, interruptionsOf, marketOf, nextTry } from "../health.js";
import { clock, connected, feeds, interruptions, roundTrip, session } from "../state.js";

/** How often the server is asked for a sign of life while the page can be seen. */
const PING_MS = 15_000;
/** A page that begins is busy: it would measure itself. */
const FIRST_PING_MS = 2_500;
/** Where nothing comes the connection asks for a sign, which takes no longer than this. */
const SILENT_MS = 2_000;
/** How long it took it to answer, ms. */
const delay = signal(/** @type {number | null} */ (null));

function measure() {
  let stop = () => {};
  const ask = () => {
    stop();
    if (document.visibilityState === "visible") stop = roundTrip((ms) => (delay.value = ms));
  };
  const first = setTimeout(ask, FIRST_PING_MS);
  const again = setInterval(ask, PING_MS);
  return () => {
    clearTimeout(first);
    clearInterval(again);
    stop();
    delay.value = null;
  };
}

/** @param {{retry: () => void}} props `retry` connects at once */
export function ConnectionChip({ retry }) {
  const now = session.value;
  const here = connected.value;
  const silent = useComputed(() => {
    const pingedAt = session.value?.pingedAt ?? null;
    return pingedAt !== null && clock.value - pingedAt > SILENT_MS;
  }).value;
  useEffect(() => (here ? measure() : undefined), [here]);
  if (now === null) return null;
  const market = now.state === "connected" ? (silent ? "silent" : marketOf(feeds.value)) : null;
  const { word, why } = connectionOf(now, feeds.value, silent);
  return html`
    <button
      type="button"
      class="connection"
      data-state=${now.state}
      data-way=${now.way}
      data-market=${market}
      title=${why}
      popovertarget="connection-details"
    >
      <span class="dot" aria-hidden="true"></span>
      <span role="status">
        <span class="word">${word}</span>
        ${market === "none" && html`<span class="detail">, no exchange</span>`}
        ${market === "silent" && html`<span class="detail">, no data</span>`}
      </span>
      ${
        delay.value !== null &&
        !silent &&
        html`<span class="delay" aria-hidden="true">${Math.round(delay.value)}\u202fms</span>`
      }
      ${
        now.state === "reconnecting" &&
        html`<span class="countdown" aria-hidden="true">${nextTry(now, clock.value)}</span>`
      }
    </button>
    <${Details} retry=${retry} />
  `;
}

/** @param {{retry: () => void}} props */
function Details({ retry }) {
  const open = useSignal(false);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    const element = place.current;
    const toggled = (/** @type {Event} */ event) => {
      open.value = /** @type {ToggleEvent} */ (event).newState === "open";
    };
    element?.addEventListener("beforetoggle", toggled);
    return () => element?.removeEventListener("beforetoggle", toggled);
  }, []);
  return html`<div id="connection-details" class="popover" popover ref=${place}>
    ${open.value && html`<${Body} retry=${retry} />`}
  </div>`;
}

/** @param {{retry: () => void}} props */
function Body({ retry }) {
  const now = session.value;
  if (now === null) return null;
  const { since } = interruptions.value;
  const { why } = connectionOf(now, feeds.value);
  return html`
    <h2 class="dialog-title">Connection</h2>
    <dl class="connection-facts">
      <dt>This page</dt>
      <dd>
        ${since === null ? nextTry(now, clock.value) : `${NAMES[now.way]} since ${time(since, clock.value)}`}
        ${since !== null && delay.value !== null && `, answers in ${Math.round(delay.value)}\u202fms`}
        ${why !== "" && html`<p class="label">${why}</p>`}
      </dd>
      ${Object.values(feeds.value).map(
        (feed) =>
          html`<dt key=${feed.exchange}>${feed.exchange}</dt>
            <dd key=${`${feed.exchange} state`}>${exchangeState(feed, clock.value)}</dd>`,
      )}
      <dt>Interruptions</dt>
      <dd>${interruptionsOf(interruptions.value, clock.value)}</dd>
    </dl>
    ${!connected.value && html`<button type="button" class="quiet-button" onClick=${retry}>Try now</button>`}
  `;
}

const NAMES = { websocket: "WebSocket", sse: "Server-sent events", polling: "Polling" };

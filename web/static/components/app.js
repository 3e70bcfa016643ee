/**
 * What every page is framed by: header, banner, navigation, footer, what the keys open. The page
 * itself is loaded when it is first gone to.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { route } from "../navigation.js";
import { PLACES } from "../routes.js";
import { replay, simulated, version } from "../state.js";
import { Alert } from "./alert.js";
import { Header } from "./header.js";
import { Icon } from "./icon.js";
import { Keyboard } from "./keyboard.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @type {Record<import("../routes.js").PageName, () => Promise<{Page: any}>>} */
const LOADERS = {
  dashboard: () => import("../pages/dashboard.js"),
  markets: () => import("../pages/markets.js"),
  symbol: () => import("../pages/symbol.js"),
  status: () => import("../pages/status.js"),
  missing: () => import("../pages/missing.js"),
};
/** The document says it before any answer does; so that nothing moves when one has come. */
const SAID = document.querySelector(".simulated") !== null;
/** The pages that are here, by name; an Error where one could not be loaded. */
const loaded = signal(/** @type {Record<string, any>} */ ({}));

/** @param {import("../routes.js").PageName} name */
async function load(name) {
  /** @type {any} */
  let found;
  try {
    found = (await LOADERS[name]()).Page;
  } catch (error) {
    found = error instanceof Error ? error : new Error(String(error));
  }
  loaded.value = { ...loaded.peek(), [name]: found };
}

/** Load the page of the address, so that it is there when it is first drawn. */
export function loadFirst() {
  return load(route.peek().page);
}

/** @param {{retry: () => void}} props `retry` connects at once */
export function App({ retry }) {
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <${Header} retry=${retry} />
    ${
      (simulated.value ?? SAID) &&
      html`<aside class="simulated" aria-label="What is shown">
        <strong>${replay.value ? "REPLAY" : "SIMULATED"}</strong>${" "}
        ${replay.value ? "of recorded exchange data" : "exchange data"}
      </aside>`
    }
    <div class="frame">
      <${Navigation} />
      <${Current} />
    </div>
    <footer class="footer">
      <span>tickwire ${version.value ?? ""} · <a href="/docs">API</a></span>
      <span>Times are ${zone}; hours are averaged in UTC</span>
      <span>
        Charts: TradingView Lightweight Charts™, © TradingView, Inc.${" "}
        <a href="https://www.tradingview.com/" rel="noopener noreferrer">tradingview.com</a>
      </span>
    </footer>
    <${Alert} retry=${retry} />
    <${Keyboard} />
  `;
}

function Navigation() {
  const here = route.value.page;
  return html`<nav class="navigation" aria-label="Pages">
    ${PLACES.map(
      ({ page, path, title }) =>
        html`<a key=${page} class="place" href=${path} aria-current=${here === page ? "page" : undefined}>
          <${Icon} of=${page} />${title}
        </a>`,
    )}
  </nav>`;
}

function Current() {
  const { page, name, path } = route.value;
  const found = loaded.value[page];
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const first = useRef(true);
  useEffect(() => {
    // Who listens hears that the page is another one.
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);
  useEffect(() => {
    if (found === undefined) void load(page);
  }, [page, found]);
  return html`<main id="main" class="main" tabindex="-1" ref=${main}>
    ${
      found === undefined
        ? html`<div class="skeleton" aria-busy="true" aria-label="Loading"></div>`
        : found instanceof Error
          ? html`<p class="empty">
              This page could not be loaded: the server was not reached.${" "}
              <button type="button" class="quiet-button" onClick=${() => void load(page)}>Retry</button>
            </p>`
          : html`<${found} key=${path} name=${name} />`
    }
  </main>`;
}

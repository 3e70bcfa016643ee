/**
 * What the keys open: the search for a symbol and the list of keys. Both are the browser's own
 * dialogs, which keep the focus, give it back and close by Escape.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { signal, useComputed, useSignal } from "@preact/signals";
import { KEYS, NOTHING_PRESSED, press } from "../keys.js";
import { wantMarkets } from "../loader.js";
import { go } from "../navigation.js";
import { symbolPath } from "../routes.js";
import { cardOf, order, symbolsKnown } from "../state.js";
import { filtered } from "../table.js";
import { Unlisted } from "./unlisted.js";

/** Names that are listed at most. */
const LISTED_MAX = 12;

/** Which dialog is open. */
const open = signal(/** @type {"" | "search" | "help"} */ (""));

/** What is searched for. */
const text = signal("");

/** Open the search. */
export function search() {
  text.value = "";
  open.value = "search";
}

/** Listen for keys, for the life of the page. */
export function listen() {
  let pressed = NOTHING_PRESSED;
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
    if (open.peek() === "search" && event.key.length === 1) {
      // It is not drawn yet: what is typed meanwhile is for it.
      event.preventDefault();
      text.value += event.key;
      return;
    }
    const found = press(pressed, event.key, event.timeStamp);
    pressed = found.pressed;
    if (found.action === null) return;
    event.preventDefault();
    if (found.action.type === "go") go(found.action.path);
    else if (found.action.type === "search") search();
    else open.value = found.action.type;
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, dialog") !== null;
}

/** Both dialogs. */
export function Keyboard() {
  return html`<${Dialog} name="search" title="Search symbols"><${Search} /><//>
    <${Dialog} name="help" title="Keys"><${Help} /><//>`;
}

/**
 * @param {{name: "search" | "help", title: string, children?: unknown}} props
 */
function Dialog({ name, title, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const shown = open.value === name;
  useEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  const close = () => {
    if (open.peek() === name) open.value = "";
  };
  const outside = (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog.current) close();
  };
  return html`<dialog class="dialog" ref=${dialog} aria-label=${title} onClose=${close} onClick=${outside}>
    ${shown && html`<div class="dialog-body">${children}</div>`}
  </dialog>`;
}

function Search() {
  const at = useSignal(0);
  useEffect(wantMarkets, []); // which bring the names of what is traded
  const found = useComputed(() => {
    const cards = order.value.map((key) => cardOf(key).value);
    return filtered(cards, text.value, "").slice(0, LISTED_MAX).map(({ key }) => key);
  });
  const choose = (/** @type {string | undefined} */ key) => {
    if (key === undefined) return;
    open.value = "";
    go(symbolPath(key));
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      at.value = Math.max(0, Math.min(found.value.length - 1, at.value + step));
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(found.value[at.value]);
    } else if (event.key === "Escape") {
      // Of a search field it would only delete the text.
      event.preventDefault();
      open.value = "";
    }
  };
  const onInput = (/** @type {Event} */ event) => {
    if (event.target instanceof HTMLInputElement) text.value = event.target.value;
    at.value = 0;
  };
  return html`
    <input
      class="search-input"
      type="search"
      role="combobox"
      aria-label="Symbol or name"
      aria-expanded="true"
      aria-controls="search-found"
      aria-activedescendant=${found.value.length > 0 ? `search-${at.value}` : undefined}
      placeholder="Symbol or name, as BTC or bitcoin"
      autocomplete="off"
      spellcheck="false"
      autofocus
      value=${text}
      onInput=${onInput}
      onKeyDown=${onKeyDown}
    />
    <ul class="search-found" id="search-found" role="listbox" aria-label="Symbols">
      ${found.value.map((key, index) => {
        const [exchange, symbol] = key.split(":");
        return html`<li
          key=${key}
          id=${`search-${index}`}
          role="option"
          aria-selected=${index === at.value}
          onClick=${() => choose(key)}
        >
          <span>${symbol}</span> <span class="label">${exchange}</span>
        </li>`;
      })}
    </ul>
    ${
      found.value.length === 0 &&
      (symbolsKnown.value
        ? html`<p class="label">No configured symbol has that in its name.</p>`
        : html`<${Unlisted} />`)
    }
  `;
}

function Help() {
  return html`<h2 class="dialog-title">Keys</h2>
    <dl class="keys">
      ${KEYS.map(
        ({ keys, does }) => html`<div key=${does}>
          <dt>${keys.map((key) => html`<kbd>${key}</kbd>${" "}`)}</dt>
          <dd>${does}</dd>
        </div>`,
      )}
    </dl>`;
}

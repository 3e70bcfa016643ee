/**
 * The line on top of every page: name, search, how the connection and the processes are, theme.
 *
 * @module
 */

import { html } from "htm/preact";
import { theme, toggle } from "../theme.js";
import { ConnectionChip } from "./connection.js";
import { Icon } from "./icon.js";
import { search } from "./keyboard.js";
import { ProcessesChip } from "./processes.js";

/** @param {{retry: () => void}} props `retry` connects at once */
export function Header({ retry }) {
  const other = theme.value === "dark" ? "light" : "dark";
  return html`<header class="header">
    <a class="name" href="/">tickwire</a>
    <button
      type="button"
      class="search-button"
      onClick=${search}
      aria-label="Search symbols"
      aria-keyshortcuts="/"
    >
      <${Icon} of="search" /><span>Search symbols</span><kbd>/</kbd>
    </button>
    <${ConnectionChip} retry=${retry} />
    <${ProcessesChip} />
    <button
      type="button"
      class="theme-button"
      onClick=${toggle}
      aria-label=${`Switch to the ${other} theme`}
      title=${`Switch to the ${other} theme`}
    >
      <span aria-hidden="true">◐</span>
    </button>
  </header>`;
}

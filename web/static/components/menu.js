/**
 * A button that opens what is inside: the browser's own popover, which closes by Escape and by a
 * click elsewhere, below its button or, where there is no room for it, above.
 *
 * @module
 */

import { html } from "htm/preact";
import { useRef } from "preact/hooks";

/** Room to the edges of the window, px. */
const EDGE = 8;
/** And to the button. */
const GAP = 4;

/** @param {{id: string, label: string, children?: unknown}} props */
export function Menu({ id, label, children }) {
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const place = (/** @type {Event} */ event) => {
    const popover = event.currentTarget;
    if (!(popover instanceof HTMLElement) || button.current === null) return;
    const { left, top, bottom } = button.current.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const below = bottom + GAP;
    const fits = below + popover.offsetHeight <= clientHeight - EDGE;
    const most = clientWidth - popover.offsetWidth - EDGE;
    popover.style.left = `${Math.max(EDGE, Math.min(left, most))}px`;
    popover.style.top = `${fits ? below : Math.max(EDGE, top - GAP - popover.offsetHeight)}px`;
  };
  return html`<button type="button" class="tool" ref=${button} popovertarget=${id}>
      ${label} <span aria-hidden="true">▾</span>
    </button>
    <div class="menu" id=${id} popover="auto" onToggle=${place}>${children}</div>`;
}

/**
 * The colours of a chart: those of the style sheet's tokens, as they are in the theme of now.
 *
 * @module
 */

/**
 * @template {string} T
 * @param {readonly T[]} names of custom properties, without their dashes
 * @returns {Record<T, string>} the colours that they are now
 */
export function colours(names) {
  const probe = document.body.appendChild(document.createElement("i"));
  const style = getComputedStyle(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, style.color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

/** @param {string} colour as `rgb(…)` @param {number} alpha */
function faint(colour, alpha) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

/** Bars are faint: they are not what is looked at first. */
const BAR_ALPHA = 0.55;

const TOKENS = /** @type {const} */ ([
  "muted",
  "border",
  "surface",
  "surface-2",
  "accent",
  "warn",
  "up",
  "down",
  "up-pale",
  "down-pale",
  "line-1",
  "line-2",
  "line-3",
]);

/** @typedef {typeof TOKENS[number]} Colour */
/** @typedef {Record<Colour, string>} Palette */

/** All that a chart draws with. @returns {Palette} */
export function palette() {
  return colours(TOKENS);
}

/** @param {Palette} colours */
export function frameOptions(colours) {
  const crosshair = { color: colours.muted, labelBackgroundColor: colours["surface-2"] };
  return {
    layout: {
      textColor: colours.muted,
      panes: { separatorColor: colours.border, separatorHoverColor: colours["surface-2"] },
    },
    grid: {
      horzLines: { color: faint(colours.border, 0.6) },
      vertLines: { color: faint(colours.border, 0.35) },
    },
    crosshair: { vertLine: crosshair, horzLine: crosshair },
  };
}

/** @param {Palette} colours */
export function candleOptions({ up, down }) {
  return {
    upColor: up,
    wickUpColor: up,
    borderUpColor: up,
    downColor: down,
    wickDownColor: down,
    borderDownColor: down,
  };
}

/** Of bars that fall and that rise, of trades and pale. @param {Palette} colours */
export function barColours({ down, up }) {
  return [down, up].map((colour) => [faint(colour, BAR_ALPHA), faint(colour, BAR_ALPHA / 2)]);
}

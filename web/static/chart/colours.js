/**
 * The colours of a chart: those of the style sheet's tokens, as they are in the theme of now.
 *
 * @module
 */

/** @param {string} name a custom property @returns {string} the colour that it is now */
export function token(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.documentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {string} colour as `rgb(…)` @param {number} alpha */
export function faint(colour, alpha) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}

const TOKENS = /** @type {const} */ ([
  "muted",
  "border",
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
  const found = TOKENS.map((name) => [name, token(`--${name}`)]);
  return /** @type {Palette} */ (Object.fromEntries(found));
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

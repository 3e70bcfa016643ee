/**
 * A chart as a file: its picture with what it is of and when it was taken written over it.
 *
 * @module
 */

import { colours } from "./colours.js";

/** Above the chart, px of the style sheet. */
const HEAD = 36;

/**
 * Return the picture with a line of text above it, on the page's ground.
 *
 * @param {HTMLCanvasElement} picture
 * @param {string} text
 */
export function titled(picture, text) {
  const scale = devicePixelRatio;
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height + HEAD * scale;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { surface, text: ink } = colours(["surface", "text"]);
  context.fillStyle = surface;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, HEAD * scale);
  context.fillStyle = ink;
  context.font = `${13 * scale}px system-ui, sans-serif`;
  context.fillText(text, 12 * scale, 23 * scale, canvas.width - 24 * scale);
  return canvas;
}

/**
 * Hand a picture to the user as a PNG file.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {string} name of the file
 */
export function save(canvas, name) {
  canvas.toBlob((blob) => {
    if (blob === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}

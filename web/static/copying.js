/**
 * What is copied is the whole value, not what there was room for: `77302.9912` of a price that is shown
 * as `77,302.99`, as a program reads it. A `<data>` element has it.
 *
 * @module
 */

const VALUES = 'data[value]:not([value=""])';

/** Begin to see to what is copied, for the life of the page. */
export function listen() {
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (selection === null || event.target instanceof HTMLInputElement) return;
    const shown = String(selection);
    const text = whole(selection, shown);
    if (text === shown) return;
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  });
}

/**
 * Return what is selected with its values whole; one of which a part was taken stays that part.
 *
 * @param {Selection} selection
 * @param {string} text of it
 */
function whole(selection, text) {
  let at = 0;
  for (const value of document.querySelectorAll(VALUES)) {
    if (!(value instanceof HTMLDataElement && selection.containsNode(value, true))) continue;
    const { innerText } = value;
    const found = innerText === "" ? -1 : text.indexOf(innerText, at);
    if (found < 0) continue;
    text = text.slice(0, found) + value.value + text.slice(found + innerText.length);
    at = found + value.value.length;
  }
  return text;
}

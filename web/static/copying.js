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
    const text = selection && selection.rangeCount > 0 ? whole(selection) : null;
    if (text === null) return;
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  });
}

/**
 * Return what is selected with its values whole; null where nothing of it is shortened, or where
 * somebody has taken a part of one value on purpose.
 *
 * @param {Selection} selection
 */
function whole(selection) {
  const range = selection.getRangeAt(0);
  const { commonAncestorContainer: at } = range;
  const value = (at instanceof Element ? at : at.parentElement)?.closest(VALUES);
  if (value instanceof HTMLDataElement) {
    return String(selection).trim() === value.innerText.trim() ? value.value : null;
  }
  const place = document.createElement("div");
  place.className = "unseen";
  place.append(range.cloneContents());
  const values = /** @type {NodeListOf<HTMLDataElement>} */ (place.querySelectorAll(VALUES));
  if (values.length === 0) return null;
  for (const each of values) each.textContent = each.value;
  document.body.append(place);
  const text = place.innerText;
  place.remove();
  return text;
}

/**
 * The prices of the configured symbols, one card each, and those that moved most beside them.
 *
 * @module
 */

import { html } from "htm/preact";
import { Card } from "../components/card.js";
import { Movers } from "../components/movers.js";
import { Unlisted } from "../components/unlisted.js";
import { count } from "../format.js";
import { order } from "../state.js";

/** More symbols than these are a matter for the table of all of them. */
const CARDS_MAX = 50;
/** As many then stand here: full rows of two, three and four. */
const CARDS_OF_MANY = 48;

/** The dashboard. */
export function Page() {
  const keys = order.value;
  const shown = keys.length > CARDS_MAX ? keys.slice(0, CARDS_OF_MANY) : keys;
  return html`<h1 class="unseen">Dashboard</h1>
    <div class="board">
      <div class="cards">
        ${
          keys.length === 0
            ? html`<${Unlisted} />`
            : shown.map((key) => html`<${Card} key=${key} name=${key} />`)
        }
        ${
          shown.length < keys.length &&
          html`<p class="more"><a href="/markets">All ${count(keys.length)} markets</a></p>`
        }
      </div>
      ${keys.length > 0 && html`<${Movers} />`}
    </div>`;
}

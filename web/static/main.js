/**
 * Wires the page: connection → reducers → signals → components, and the clock.
 *
 * @module
 */

import { html, render } from "htm/preact";
import { effect } from "@preact/signals";
import { App, loadFirst } from "./components/app.js";
import { listen } from "./components/keyboard.js";
import { price } from "./format.js";
import { loadAllCandles, loadStatus, watch } from "./loader.js";
import { follow } from "./navigation.js";
import { connect } from "./socket.js";
import { cardOf, clock, connected, dispatch, lostAt, order, session, use } from "./state.js";

const connection = connect("/")
  .subscribe({ channel: "status", symbols: "*" })
  .on("connect", () => {
    dispatch({ type: "opened" });
    loadStatus();
  })
  .on("refetch", loadAllCandles)
  .on("state", (next) => {
    const was = connected.value;
    session.value = next;
    clock.value = Date.now();
    if (connected.value) lostAt.value = null;
    else if (lostAt.value === null && (was || next.attempt > 0)) lostAt.value = Date.now();
  });
use(connection);
loadStatus();
watch();
follow();
listen();

setInterval(() => {
  if (document.visibilityState === "visible") clock.value = Date.now();
}, 1000);
document.addEventListener("visibilitychange", () => {
  clock.value = Date.now();
});

effect(() => {
  void clock.value;
  const first = order.value[0];
  if (first === undefined) return;
  const card = cardOf(first).peek();
  if (card.price === null) return;
  document.title = `${price(card.price, card.decimals)} ${card.symbol} · tickwire`;
});

void loadFirst().then(() => {
  const root = document.getElementById("app");
  root?.replaceChildren();
  if (root !== null) render(html`<${App} retry=${() => connection.retry()} />`, root);
});

/**
 * Wires the page: connection → reducers → signals → components, and the clock.
 *
 * @module
 */

import { html, render } from "htm/preact";
import { effect } from "@preact/signals";
import { App, loadFirst } from "./components/app.js";
import { listen } from "./components/keyboard.js";
import * as copying from "./copying.js";
import { loadAllCandles, loadStatus, watch } from "./loader.js";
import { follow } from "./navigation.js";
import { connect } from "./socket.js";
import { clock, connectionChanged, dispatch, second, use } from "./state.js";
import { title } from "./title.js";

/** A server that has just begun has heard of every process after this. */
const HEARD_MS = 3_000;

const connection = connect("/")
  .subscribe({ channel: "status", symbols: "*" })
  .on("connect", () => {
    dispatch({ type: "opened" });
    loadStatus();
    setTimeout(loadStatus, HEARD_MS);
  })
  .on("refetch", loadAllCandles)
  .on("state", (next) => connectionChanged(next, Date.now()));
use(connection);
loadStatus();
watch();
follow();
listen();
copying.listen();

setInterval(() => {
  second.value = Date.now();
  if (document.visibilityState === "visible") clock.value = second.value;
}, 1000);
document.addEventListener("visibilitychange", () => {
  clock.value = Date.now();
});

effect(() => {
  document.title = title.value;
});

function show() {
  const root = document.getElementById("app");
  root?.replaceChildren();
  if (root !== null) render(html`<${App} retry=${() => connection.retry()} />`, root);
}

// A slow phone has a moment for others between running all of this and showing it.
void loadFirst().then(() => setTimeout(show));

/**
 * The large chart of one symbol, live: its toolbar, the candle under the pointer in words, and what
 * to do when the stored candles could not be read.
 *
 * It draws at most once per animation frame.
 *
 * @module
 */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { computed, effect, untracked, useComputed, useSignal } from "@preact/signals";
import { follow } from "../candles.js";
import { settings, change } from "../chart/kept.js";
import { save, titled } from "../chart/picture.js";
import { linesOf } from "../chart/studies.js";
import { Times } from "../chart/times.js";
import { drawNever, drawSoon } from "../drawing.js";
import * as format from "../format.js";
import { averagesOf } from "../hours.js";
import { INTERVALS, RANGES, countdown } from "../intervals.js";
import { openCandles, openHours } from "../past.js";
import { cardOf, clock, database, isOld, serverTime, simulated } from "../state.js";
import { theme } from "../theme.js";
import { bandsOf } from "../timeline.js";
import { Toolbar } from "./toolbar.js";

/** With fewer candles left of what is seen, older ones are asked for. */
const AHEAD = 150;

/** @typedef {import("../chart/canvas.js").View} View */
/** @typedef {import("../chart/canvas.js").Pointed} Pointed */
/** @typedef {ReturnType<typeof openCandles>} Past */
/** @typedef {import("@preact/signals").Signal<readonly import("../timeline.js").Gap[]>} Gaps */

/**
 * @param {object} props
 * @param {string} props.name the symbol's key
 * @param {Gaps} props.gaps of its trades, hatched in the chart
 */
export function CandleChart({ name, gaps }) {
  const { interval } = settings.value;
  const past = useSignal(/** @type {Past | null} */ (null));
  const view = useSignal(/** @type {View | null} */ (null));
  const pointed = useSignal(/** @type {Pointed | null} */ (null));
  const failed = useSignal(false);
  const container = useRef(/** @type {HTMLDivElement | null} */ (null));
  const drawing = useRef(/** @type {ReturnType<typeof keepDrawn> | null} */ (null));

  useEffect(() => {
    const opened = openCandles(name, interval);
    past.value = opened;
    return opened.close;
  }, [name, interval]);
  useEffect(() => {
    const element = container.current;
    if (element === null) return undefined;
    drawing.current = keepDrawn(name, element, { past, view, pointed, failed, gaps });
    return drawing.current.end;
  }, [name]);

  const picture = () => {
    const canvas = drawing.current?.picture();
    if (canvas === undefined) return;
    const { exchange, symbol } = cardOf(name).peek();
    const now = Date.now();
    const of = [symbol, exchange, interval, format.moment(now), "tickwire"];
    if (simulated.peek() === true) of.push("SIMULATED");
    const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(":", "-");
    save(titled(canvas, of.join("  ·  ")), `${symbol}-${exchange}-${interval}-${stamp}.png`);
  };
  const old = useComputed(() => isOld(name));
  return html`<section class=${`study${old.value ? " old" : ""}`} aria-label="Chart">
    <${Toolbar} name=${name} seen=${() => drawing.current?.seen() ?? null} onPicture=${picture} />
    <div class="study-plot">
      <${Legend} name=${name} view=${view} pointed=${pointed} />
      <${Plot} name=${name} view=${view} container=${container} />
      ${
        failed.value
          ? html`<${Unloaded} retry=${() => drawing.current?.load()} />`
          : html`<${Trouble} past=${past} view=${view} />`
      }
    </div>
  </section>`;
}

/**
 * Keep the chart in an element up to date; return what to ask of it, and how to end that. Nothing is
 * drawn before the first candles are there: to draw an empty chart costs a phone as much again.
 *
 * @param {string} name
 * @param {HTMLElement} element
 * @param {object} signals
 * @param {import("@preact/signals").Signal<Past | null>} signals.past
 * @param {import("@preact/signals").Signal<View | null>} signals.view
 * @param {import("@preact/signals").Signal<Pointed | null>} signals.pointed
 * @param {import("@preact/signals").Signal<boolean>} signals.failed to be loaded
 * @param {Gaps} signals.gaps
 */
function keepDrawn(name, element, { past, view, pointed, failed, gaps }) {
  const { hours, reach, close } = openHours(name);
  /** @type {import("../chart/canvas.js").Seen | null} */
  let seen = null;
  /** What is shown was asked for: a range of an interval. */
  let shown = "";
  /** @type {import("../chart/canvas.js").Canvas | null} */
  let canvas = null;
  let ended = false;
  const load = async () => {
    failed.value = false;
    const found = await import("../chart/canvas.js").catch(() => null);
    if (ended) return;
    failed.value = found === null;
    if (found === null) return;
    canvas = new found.Canvas(element, {
      onPoint: (found) => {
        pointed.value = found;
      },
      onSeen: (next) => {
        seen = next;
        if (next.before < AHEAD) past.peek()?.older();
      },
    });
    drawSoon(draw);
  };
  const card = cardOf(name);
  const old = computed(() => isOld(name));
  const left = computed(() => {
    const series = past.value?.series.value;
    const last = series?.candles.at(-1);
    if (series === undefined || last === undefined) return "";
    return countdown(last.time, INTERVALS[series.interval], serverTime(clock.value) / 1000);
  });

  function draw() {
    const opened = past.peek();
    if (canvas === null || opened === null) return;
    // Until another interval's candles are there, those of the last one stay.
    if (opened.load.peek().state === "loading") return;
    const series = opened.series.peek();
    const { type, log, studies, range } = settings.peek();
    const seconds = INTERVALS[series.interval];
    const candles = follow(series.candles, card.peek(), seconds);
    const hourly = seconds <= INTERVALS["1h"];
    const first = candles[0];
    if (hourly && first !== undefined && studies.includes("average")) reach(first.time);
    const averages = hourly ? averagesOf(hours.peek(), candles) : candles.map(() => null);
    view.value = {
      candles,
      seconds,
      type,
      log,
      decimals: card.peek().decimals,
      lines: linesOf(new Set(studies), candles, averages),
      bands: bandsOf(candles, seconds, gaps.peek()),
      countdown: left.peek(),
      old: old.peek(),
      theme: theme.peek(),
    };
    canvas.draw(view.value);
    const wanted = `${series.interval} ${range}`;
    if (first === undefined || wanted === shown) return;
    shown = wanted;
    if (range !== null) canvas.show(serverTime() / 1000 - RANGES[range].seconds);
  }
  void load();
  const stop = effect(() => {
    void [past.value?.series.value, past.value?.load.value, hours.value, gaps.value, settings.value];
    void [left.value, old.value, theme.value, card.value.decimals];
    drawSoon(draw);
  });
  const moved = () => {
    if (settings.peek().range !== null) untracked(() => change({ range: null }));
  };
  for (const type of ["wheel", "pointerdown"]) element.addEventListener(type, moved, { passive: true });
  return {
    load,
    picture: () => canvas?.picture(),
    seen: () => seen,
    end() {
      ended = true;
      stop();
      close();
      drawNever(draw);
      canvas?.remove();
    },
  };
}

/**
 * @param {object} props
 * @param {string} props.name
 * @param {import("@preact/signals").Signal<View | null>} props.view
 * @param {import("preact").RefObject<HTMLDivElement>} props.container
 */
function Plot({ name, view, container }) {
  const { symbol, exchange } = cardOf(name).peek();
  const { interval } = settings.value;
  const said = useComputed(() => {
    void clock.value; // once a second is often enough
    const now = view.peek();
    const last = now?.candles.at(-1);
    if (now === null || last === undefined) return "no candles yet";
    return `last candle ${describe(last, now, symbol)}`;
  });
  return html`<div
    class="study-canvas"
    ref=${container}
    role="img"
    aria-label=${`${symbol} on ${exchange}, candles of ${interval}: ${said.value}`}
  ></div>`;
}

/** @param {import("../candles.js").Candle} candle @param {View} view @param {string} symbol */
function describe({ time, open, high, low, close, volume }, { decimals, seconds }, symbol) {
  const [base, quote] = symbol.split("-");
  const [o, h, l, c] = [open, high, low, close].map((value) => format.price(value, decimals));
  const at = new Times(seconds).label(time);
  return `${at}: open ${o}, high ${h}, low ${l}, close ${c} ${quote}, volume ${format.volume(volume)} ${base}`;
}

/**
 * The candle under the pointer, else the last one, in words; and the lines at its time.
 *
 * @param {object} props
 * @param {string} props.name
 * @param {import("@preact/signals").Signal<View | null>} props.view
 * @param {import("@preact/signals").Signal<Pointed | null>} props.pointed
 */
function Legend({ name, view, pointed }) {
  const now = view.value;
  const [base, quote] = cardOf(name).peek().symbol.split("-");
  if (now === null) return null;
  const { candles, decimals, seconds, lines, bands } = now;
  const at = pointed.value ?? { time: candles.at(-1)?.time ?? 0, index: candles.length - 1 };
  const band = bands.find(({ from, to }) => at.time >= from && at.time <= to);
  const gap = band !== undefined && html`<span class="study-gap">${band.reason}</span>`;
  const index = at.index ?? -1;
  const candle = candles[index];
  if (candle === undefined) {
    if (pointed.value === null) return null;
    return html`<div class="study-legend">
      <p><span class="study-at">${new Times(seconds).label(at.time)}</span> ${gap || "no trades"}</p>
    </div>`;
  }
  const direction = candle.close >= candle.open ? "up" : "down";
  const percent = (100 * (candle.close - candle.open)) / candle.open;
  const priced = (/** @type {string} */ of, /** @type {number} */ price) =>
    html`<span>${of} <b class=${direction}><data value=${format.full(price)}>${format.price(price, decimals)}</data></b></span>`;
  return html`<div class="study-legend">
    <p>
      <span class="study-at">${new Times(seconds).label(candle.time)}</span>
      ${priced("O", candle.open)}${priced("H", candle.high)}${priced("L", candle.low)}
      ${priced("C", candle.close)}
      <span>${quote}</span>
      <span>V <b><data value=${format.full(candle.volume)}>${format.volume(candle.volume)}</data></b> ${base}</span>
      <span class=${direction}>${format.change(percent)}</span>
      ${candle.published && html`<span class="study-published">exchange’s own</span>`}
      ${gap}
    </p>
    <p>
      ${lines.map((line) => {
        const value = line.values[index] ?? null;
        if (line.study === "volume") return null;
        const digits = line.pane === "rsi" ? 1 : decimals;
        return html`<span key=${line.name} class=${`study-line ${line.colour}`}>
          ${line.name} <b><data value=${format.full(value)}>${format.price(value, digits)}</data></b>
        </span>`;
      })}
    </p>
  </div>`;
}

/** @param {{retry: () => void}} props */
function Unloaded({ retry }) {
  return html`<p class="study-error">
    <span>The chart could not be loaded: the server was not reached</span>
    <button type="button" class="quiet-button" onClick=${retry}>Retry</button>
  </p>`;
}

/**
 * @param {object} props
 * @param {import("@preact/signals").Signal<Past | null>} props.past
 * @param {import("@preact/signals").Signal<View | null>} props.view
 */
function Trouble({ past, view }) {
  const opened = past.value;
  const { state, error } = opened?.load.value ?? { state: "loading", error: null };
  const empty = useComputed(() => (past.value?.series.value.candles.length ?? 0) === 0);
  if (state === "failed") {
    // The banner says why where the database is away.
    const why = typeof database.value === "object" ? "" : `: ${error}`;
    return html`<p class="study-error">
      <span>No stored candles${why}</span>
      <button type="button" class="quiet-button" onClick=${() => opened?.retry()}>Retry</button>
    </p>`;
  }
  if (!empty.value && view.value !== null) return null;
  return html`<p class="study-empty">
    ${state === "loading" || !empty.value ? "Candles are loading" : "Candles begin with the next trade"}
  </p>`;
}

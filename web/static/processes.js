/**
 * What the state of a process means, for whoever looks after it: how bad it is, in a word, and what
 * to try. Pure.
 *
 * @module
 */

/**
 * @typedef {"good" | "unused" | "warn" | "bad"} Level
 * @typedef {import("./messages.js").ProcessStatus} ProcessStatus
 *
 * @typedef {object} Judgement
 * @property {Level} level
 * @property {string} word
 * @property {string} advice what happens next or what to try; "" where nothing is wrong
 */

const LOG = "Its log says why: make logs.";
/** @type {Record<string, Judgement>} */
const STATES = {
  ready: { level: "good", word: "ready", advice: "" },
  running: { level: "good", word: "running", advice: "" },
  standby: { level: "good", word: "standing by", advice: "" },
  starting: { level: "warn", word: "starting", advice: "It is finding what it needs." },
  draining: { level: "warn", word: "stopping", advice: "It finishes what it has begun." },
  stopping: { level: "warn", word: "stopping", advice: "It finishes what it has begun." },
  late: {
    level: "bad",
    word: "no sign of life",
    advice: "The watchdog ends it after 20\u202fs, and it is started again.",
  },
  backoff: { level: "bad", word: "restarting", advice: `It ended and is started again. ${LOG}` },
  exited: { level: "bad", word: "ended", advice: `It is started again. ${LOG}` },
  fatal: {
    level: "bad",
    word: "given up",
    advice: `It does not stay up; the watchdog starts it again now and then. ${LOG}`,
  },
  stopped: { level: "bad", word: "stopped", advice: "Somebody stopped it. Start tickwire again." },
};
/** What to try while a process waits, by what for. */
const WAITS = /** @type {const} */ ([
  ["database", "Nothing is lost: it goes on where it was. See that Postgres runs and answers."],
  ["disk", "Make room on the disk of DATA_DIR; it goes on by itself."],
  ["supervisord", "Nothing is restarted meanwhile. Start tickwire again if it stays so."],
]);

/**
 * Return what a process's state means.
 *
 * @param {string} state as `/api/status` has it
 * @returns {Judgement}
 */
export function judge(state) {
  const known = STATES[state];
  if (known !== undefined) return known;
  const [kind, what = ""] = state.split(/: (.*)/s);
  if (kind === "idle") return { level: "unused", word: "not in use", advice: what };
  if (kind !== "waiting") return { level: "bad", word: state, advice: LOG };
  const advice = WAITS.find(([word]) => what.includes(word))?.[1] ?? "It goes on by itself.";
  return { level: "warn", word: `waits for ${what}`, advice };
}

/**
 * Return how many processes are in use, how many of them are well, and the worst of the others.
 *
 * @param {readonly ProcessStatus[]} processes
 * @returns {{all: number, well: number, worst: {name: string, level: Level, word: string} | null}}
 */
export function countOf(processes) {
  const used = processes
    .map(({ name, state }) => ({ name, ...judge(state) }))
    .filter(({ level }) => level !== "unused");
  const ill = used.filter(({ level }) => level !== "good");
  const worst = ill.find(({ level }) => level === "bad") ?? ill[0] ?? null;
  return { all: used.length, well: used.length - ill.length, worst };
}

/** What all peers in Node share: their arguments, the message they send, and when. */
import { parseArgs } from "node:util";

const HEAD = '{"sent":,"fill":""}'.length + 16;

/** @returns {{port: number, rate: number, bytes: number}} what was asked for */
export function asked() {
  const text = { type: /** @type {const} */ ("string") };
  const { values } = parseArgs({ options: { port: text, rate: text, bytes: text } });
  return { port: Number(values.port), rate: Number(values.rate), bytes: Number(values.bytes) };
}

/** @returns {{sent: number, fill: string}} what a message of so many bytes says; `sent` in µs UTC */
export function filled(/** @type {number} */ bytes) {
  const sent = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return { sent, fill: "x".repeat(bytes - HEAD) };
}

/** @returns {string} a message of so many bytes, made now */
export function message(/** @type {number} */ bytes) {
  return JSON.stringify(filled(bytes));
}

/** Say that clients may come, and which process serves them. */
export function ready() {
  console.log(`READY ${process.pid}`);
}

/** Call `each` so many times a second, for ever, at moments that do not drift. */
export function beat(/** @type {number} */ rate, /** @type {() => void} */ each) {
  const begin = performance.now();
  let number = 0;
  const next = () => {
    number += 1;
    setTimeout(
      () => {
        each();
        next();
      },
      Math.max(0, begin + (number * 1000) / rate - performance.now()),
    );
  };
  next();
}

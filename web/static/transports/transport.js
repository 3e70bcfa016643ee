/**
 * What each way to the server offers, whichever it is. Types only: nothing here is ever loaded.
 *
 * A transport is opened anew for each try and tells what it hears until it is lost or closed, never
 * after that. It asks for what is wanted by itself, from `wants`, and decides nothing else: when to
 * open it, when it is dead and what comes next is the business of session.js.
 *
 * @module
 */

/**
 * @typedef {object} Heard what a transport tells
 * @property {(frame: import("../frames.js").Frame) => void} frame
 *   the first one shows that the way is open: bytes come through it
 * @property {() => void} alive a sign of the server that is no frame
 * @property {(code: number, reason: string, afterMs?: number) => void} lost
 *   by a WebSocket's close code, an answer's status, or 1006; no try is wanted before `afterMs`
 *
 * @typedef {object} Wants what the page wants; it lives, and changes
 * @property {import("../wishes.js").Wishes} wishes
 * @property {import("../positions.js").Positions} positions
 *
 * @typedef {object} Link one open transport
 * @property {() => void} subscribe it is open: ask for all that is wanted
 * @property {(message: {type: string, payload: object}) => void} changed a wish came or went
 * @property {(message: {type: string, payload?: object}) => boolean} send false where it cannot
 * @property {() => void} ping ask for a sign of the server
 * @property {() => void} close be silent from now on
 *
 * @typedef {(base: URL, wants: Wants, heard: Heard) => Link} Transport
 *   `base`: where the server's paths begin
 */

export {};

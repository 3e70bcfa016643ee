/**
 * A small server that speaks as tickwire does, on a real socket: `/ws`, `/sse` and the routes that
 * are polled, with one symbol. A test says which ways are blocked, what comes, and what is lost.
 */

import { createHash } from "node:crypto";
import { createServer } from "node:http";

/** What the protocol adds to a key (RFC 6455, section 1.3). */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Over how long clients of events are to spread their return. */
export const SPREAD_MS = 20;
const TEXT = 1;
const CLOSE = 8;
const NAME = "binance:ETH-USDT";

/** @param {string} text @returns {Buffer} one text frame of a server */
function framed(text) {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : 4);
  head[0] = 0x81;
  if (body.length < 126) head[1] = body.length;
  else {
    head[1] = 126;
    head.writeUInt16BE(body.length, 2);
  }
  return Buffer.concat([head, body]);
}

/**
 * Yield the texts of a client's frames, null for its close, and keep what is not whole yet.
 *
 * @param {{rest: Buffer}} state
 * @param {Buffer} chunk
 */
function* unframed(state, chunk) {
  state.rest = Buffer.concat([state.rest, chunk]);
  for (;;) {
    const { rest } = state;
    if (rest.length < 6) return;
    const short = (rest[1] ?? 0) & 0x7f;
    const head = short < 126 ? 2 : 4;
    const length = short < 126 ? short : rest.readUInt16BE(2);
    if (rest.length < head + 4 + length) return;
    const mask = rest.subarray(head, head + 4);
    const body = rest.subarray(head + 4, head + 4 + length);
    state.rest = rest.subarray(head + 4 + length);
    const text = Buffer.from(body.map((byte, i) => byte ^ (mask[i % 4] ?? 0))).toString();
    const kind = (rest[0] ?? 0) & 0x0f;
    if (kind === CLOSE) yield null;
    if (kind === TEXT) yield text;
  }
}

/** One symbol's price, and everybody who listens. */
export class Server {
  /** Ways that do not get through: `ws`, `sse`, `api` or `health`. @type {Set<string>} */
  blocked = new Set();
  /** What the answer to `subscribe` says of trades. @type {boolean | null} */
  recovered = null;
  /** Every request and opening, in order. @type {{path: string, query: URLSearchParams, headers: any}[]} */
  asked = [];
  /** Every message that a client sent. @type {any[]} */
  heard = [];
  price = 100;
  #seq = 0;
  /** The one before that it traded, whether or not anybody was told. @type {number | null} */
  #before = null;
  /** How to write a frame to each client, and how to cut it off. @type {Set<Client>} */
  #clients = new Set();
  #server = createServer((request, response) => this.#answer(request, response));

  /** @typedef {{write: (text: string) => void, cut: () => void, end?: () => void}} Client */

  /** @returns {Promise<string>} where it is */
  async start() {
    this.#server.on("upgrade", (request, socket) => this.#upgrade(request, socket));
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(null)));
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${address.port}/`;
  }

  stop() {
    this.lose();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** How many hold a connection. */
  get clients() {
    return this.#clients.size;
  }

  /** How often a path was asked for. @param {string} path */
  count(path) {
    return this.asked.filter((each) => each.path === path).length;
  }

  /** End every stream of events, as a server that restarts. */
  end() {
    for (const client of this.#clients) client.end?.();
  }

  /** Cut everybody off. */
  lose() {
    for (const client of this.#clients) client.cut();
    this.#clients.clear();
  }

  /** Send everybody a frame. @param {string} type @param {object} payload */
  say(type, payload) {
    const text = JSON.stringify({ type, payload, timestamp: "2025-10-01T14:00:00.000Z" });
    for (const { write } of this.#clients) write(text);
  }

  /** Let it trade once, and lose so many trades before that. @param {number} price */
  trade(price, lost = 0) {
    this.price = price;
    this.#before = this.#seq + lost || null;
    this.#seq += 1 + lost;
    this.say("price_update", this.#row());
    this.say("trade_update", this.#trade());
  }

  #row() {
    return { exchange: "binance", symbol: "ETH-USDT", price: this.price, ts: 1, age_ms: 0 };
  }

  #trade() {
    const seq = this.#seq;
    return { ...this.#row(), trade_id: seq, epoch: 5, seq, index: 0, prev_seq: this.#before };
  }

  /**
   * What answers a subscription.
   *
   * @param {string} channel
   * @param {string} [interval]
   * @returns {Generator<[type: string, payload: object]>}
   */
  *#present(channel, interval) {
    const resume = channel === "trade" ? { binance: [5, this.#seq] } : {};
    const recovered = channel === "trade" ? this.recovered : null;
    const symbols = [NAME];
    yield ["subscribed", { channel, symbols, rejected: [], resume, recovered, interval }];
    if (recovered === true) return;
    const rows = { ticker: [this.#row()], trade: this.#seq > 0 ? [this.#trade()] : [] };
    yield ["snapshot", { channel, updates: rows[/** @type {"ticker"} */ (channel)] ?? [] }];
  }

  /** @param {Client["write"]} write @param {string} type @param {object} payload */
  #tell(write, type, payload) {
    write(JSON.stringify({ type, payload, timestamp: null }));
  }

  /** @param {import("node:http").IncomingMessage} request */
  #note({ url = "/", headers }) {
    const { pathname: path, searchParams: query } = new URL(url, "http://x");
    this.asked.push({ path, query, headers });
    return { path, query };
  }

  /** @param {import("node:http").IncomingMessage} request @param {import("node:stream").Duplex} socket */
  #upgrade(request, socket) {
    this.#note(request);
    socket.on("error", () => {});
    if (this.blocked.has("ws")) {
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    const key = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${MAGIC}`);
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${key.digest("base64")}\r\n\r\n`,
    );
    /** @type {Client} */
    const client = { write: (text) => socket.write(framed(text)), cut: () => socket.destroy() };
    this.#clients.add(client);
    socket.on("close", () => this.#clients.delete(client));
    const state = { rest: Buffer.alloc(0) };
    socket.on("data", (chunk) => {
      for (const text of unframed(state, chunk)) {
        if (text !== null) this.#hear(client, JSON.parse(text));
        else socket.end(Buffer.from([0x80 | CLOSE, 0]));
      }
    });
    this.#tell(client.write, "connection_status", { status: "connected" });
  }

  /** @param {Client} client @param {any} message */
  #hear({ write }, message) {
    this.heard.push(message);
    if (message.type === "ping") this.#tell(write, "pong", {});
    if (message.type !== "subscribe") return;
    const { channel, interval } = message.payload;
    for (const [type, payload] of this.#present(channel, interval))
      this.#tell(write, type, payload);
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #answer(request, response) {
    const { path, query } = this.#note(request);
    const way = path.split("/")[1] ?? "";
    if (this.blocked.has(way)) {
      response.writeHead(503, { "retry-after": "0" }).end("{}");
    } else if (path === "/sse") {
      this.#events(query, response);
    } else {
      const body = JSON.stringify(this.#body(path, query));
      const etag = `"${createHash("sha1").update(body).digest("hex")}"`;
      const same = request.headers["if-none-match"] === etag;
      response.writeHead(same ? 304 : 200, { etag, "content-type": "application/json" });
      response.end(same ? undefined : body);
    }
  }

  /** @param {URLSearchParams} query @param {import("node:http").ServerResponse} response */
  #events(query, response) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    /** @type {Client} */
    const client = {
      write: (data) => response.write(`id: binance=5-${this.#seq}\ndata: ${data}\n\n`),
      cut: () => response.destroy(),
      end: () => response.end(),
    };
    response.write(`retry: ${SPREAD_MS}\n\n`);
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
    this.#tell(client.write, "connection_status", { status: "connected" });
    for (const each of query.get("channels")?.split(",") ?? []) {
      const [channel = "", interval] = each.split(":");
      for (const [type, payload] of this.#present(channel, interval))
        this.#tell(client.write, type, payload);
    }
  }

  /** @param {string} path @param {URLSearchParams} query */
  #body(path, query) {
    const timestamp = "2025-10-01T14:00:00.000Z";
    const { price } = this;
    switch (path) {
      case "/api/prices":
        return [{ ...this.#row(), timestamp, coin_id: "ethereum", stale: false }];
      case "/api/latest":
        return [{ symbol: query.get("symbols"), price, volume: 1, timestamp }];
      case "/api/status":
        return { feeds: [{ exchange: "binance", state: "connected", symbols: [] }] };
      case "/api/averages":
        return { pair: query.get("pair"), points: [{ t: timestamp, avg: 99.5, n: 2 }] };
      case "/api/candles":
        return [{ t: timestamp, o: 1, h: 2, l: 1, c: 2, v: 1, n: 2, closed: false, revision: 2 }];
      default:
        return { status: "ok" };
    }
  }
}

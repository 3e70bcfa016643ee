/** Socket.IO (Node), `io.emit` to everybody, WebSocket transport alone. */
import { createServer } from "node:http";
import { Server } from "socket.io";
import { asked, beat, filled, ready } from "./rhythm.mjs";

/** What engine.io and Socket.IO put around the message: `42["price",` and `]`, of 12 characters. */
const AROUND = 12;

const wish = asked();
const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });
http.listen({ host: "127.0.0.1", port: wish.port, backlog: 4096 }, () => {
  ready();
  beat(wish.rate, () => io.emit("price", filled(wish.bytes - AROUND)));
});

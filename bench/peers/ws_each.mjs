/** ws (Node), a `send` for each client, as its documents show a broadcast. */
import { WebSocketServer } from "ws";
import { asked, beat, message, ready } from "./rhythm.mjs";

const wish = asked();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: wish.port,
  backlog: 4096,
  perMessageDeflate: false,
});
server.on("listening", () => {
  ready();
  beat(wish.rate, () => {
    const payload = Buffer.from(message(wish.bytes));
    for (const client of server.clients) client.send(payload, { binary: false });
  });
});

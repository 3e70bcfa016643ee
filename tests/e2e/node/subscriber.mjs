// Prints what the tap publishes, one JSON object a line, a line for each trade; ends after COUNT.
// node subscriber.mjs ENDPOINT COUNT PREFIX…
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";

const [endpoint, count, ...prefixes] = process.argv.slice(2);
const tap = new Subscriber({ receiveHighWaterMark: 20_000 });
tap.connect(endpoint);
tap.subscribe(...prefixes);

let left = Number(count);
for await (const [, payload] of tap) {
    const message = decode(payload);
    const { trades, ...shared } = message;
    const rows = trades?.map((one) => ({ ...shared, ...one, type: "trade" })) ?? [message];
    process.stdout.write(rows.map((row) => JSON.stringify(row) + "\n").join(""));
    left -= rows.length;
    if (left <= 0) break;
}
tap.close();

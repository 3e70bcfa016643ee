"""How long a trade is under way: to a WebSocket client, and until it is durable in the journal.

``python -m bench.bench_latency [--rate 1000] [--seconds 30]``. The client subscribes to the
``trade`` channel of all symbols; a trade's way begins at the moment it is due at the simulated
exchange (``ts_event``, from ``/truth``), so what the simulator is late counts too. The journal's
part is measured in a feed of its own, from the read of the socket to the return of the commit.
"""

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import websocket
import zmq

from bench.figures import figure, percentile
from bus import actor, sockets
from bus.actor import Instant, Send
from bus.journal import JournalWriter
from bus.process import Process
from bus.wiring import BATCHES, OUT
from procs.feed.connection import Connection
from procs.feed.exchanges import coinbase
from procs.feed.feed import Feed
from tests.e2e.stack import Stack

WARM_UP_S = 3.0


def to_client(stack: Stack, seconds: float) -> list[float]:
    """Return the ms of each trade from its exchange to a client of the ``trade`` channel."""
    client = websocket.create_connection(stack.ws_url, timeout=5, skip_utf8_validation=True)
    request = {"type": "subscribe", "payload": {"symbols": "*", "channel": "trade"}}
    client.send(json.dumps(request))
    came: dict[tuple[str, str, int], int] = {}
    begin = time.monotonic()
    while time.monotonic() < begin + WARM_UP_S + seconds:
        frame = client.recv()
        now = time.time_ns() // 1000
        if time.monotonic() < begin + WARM_UP_S:
            continue
        message = json.loads(frame)
        if message["type"] == "trade_update":
            trade = message["payload"]
            came[trade["exchange"], trade["symbol"], trade["trade_id"]] = now
    client.close()
    taken = []
    for exchange, symbol in {key[:2] for key in came}:
        for one in stack.truth(exchange, symbol):
            received = came.get((exchange, symbol, one.trade_id))
            if received is not None:
                taken.append((received - one.ts_event) / 1000)
    return taken


class TimedFeed(Feed):
    """A feed that remembers how long each trade took from the socket into the journal."""

    taken_ms: list[float]

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Commit; ``now`` is the moment before the socket was read."""
        waiting = len(self._trades)
        sends = super().on_wake(now)
        self.taken_ms += [(time.time_ns() // 1000 - now.wall) / 1000] * waiting
        return sends


def to_journal(stack: Stack, seconds: float, folder: Path) -> list[float]:
    """Return the ms of each commit since the wake that read its trades began."""
    symbols = stack.settings.feeds["coinbase"]
    process = Process("bench", stack.settings)
    exchange = coinbase.Exchange(symbols)
    feed = TimedFeed(
        exchange,
        symbols,
        JournalWriter(folder / "bench.db", cap_bytes=1 << 30, reserve_bytes=1 << 20),
        process.health,
        process.log,
        stale_after_us=15_000_000,
        keep_us=900_000_000,
        keep_bad_frames=lambda lines: None,
    )
    feed.taken_ms = []
    address, clock = (stack.settings.address("coinbase", kind) for kind in ("WS", "REST"))
    assert address is not None
    assert clock is not None
    feed.connection = Connection(exchange, address, clock, feed.on_frame, process.log)
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
    context: zmq.Context[sockets.Socket] = zmq.Context()
    outputs = {
        "out": sockets.bind(context, OUT, folder, "bench"),
        "persister": sockets.connect(context, BATCHES, folder, "nobody"),
    }
    actor.run(process, feed, {}, outputs)
    return feed.taken_ms


def report(metric: str, taken: list[float], **parameters: object) -> None:
    """Print the percentiles."""
    for percent in (50, 95, 99):
        name = f"{metric}_p{percent}"
        figure("latency", "tickwire", name, percentile(taken, percent), "ms", **parameters)
    figure("latency", "tickwire", f"{metric}_max", max(taken), "ms", **parameters)
    figure("latency", "tickwire", f"{metric}_samples", len(taken), "1", **parameters)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "demo", RATE=str(chosen.rate), SEED="1").start()
        try:
            report("to_client", to_client(stack, chosen.seconds), rate=chosen.rate)
            taken = to_journal(stack, chosen.seconds, Path(folder))
            report("to_journal", taken, rate=chosen.rate)
            stack.stop()
        finally:
            stack.remove()


if __name__ == "__main__":
    main()

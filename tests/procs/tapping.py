"""A real tap process, with a bus of its own on which ``Tapped`` says what feeds would.

Comes in: an address and a folder. Goes out: the process, its heartbeats, and clients whose sockets
all end with it.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import zmq

from bus import settings, sockets, tap_keys
from bus.messages import Heartbeat, Message, Ticker, Trade, TradeBatch, encode
from bus.process import run_folder
from bus.sockets import Socket
from bus.tap_subscriber import Keys
from bus.wiring import OUT
from tests.eventually import eventually
from tests.heartbeats import Heartbeats
from tests.surroundings import bare_environment, free_ports, with_us

START = 1_759_300_000_000_000
SYMBOL = "ETH-USDT"
TRADES, TICKER = b"trade.binance.ETH-USDT.", b"ticker.binance.ETH-USDT."


def made_trade(number: int) -> Trade:
    """Return a trade with that id."""
    return Trade(SYMBOL, number, START + number, START + number, "1.50", "2", "buy")


class Tapped:
    """One tap on ``host``; a context manager. ``environment`` is what a client's program needs."""

    def __init__(self, folder: Path, host: str) -> None:
        (self.port,) = free_ports(1)
        self.environment = bare_environment(
            DATA_DIR=str(folder), TAP_ENDPOINT=f"tcp://{host}:{self.port}"
        )
        self.settings = settings.load(self.environment)
        self.keys_dir = self.settings.tap_keys_dir
        self.endpoint = f"tcp://{host if host == '[::1]' else '127.0.0.1'}:{self.port}"
        self.context: zmq.Context[Socket] = zmq.Context()
        self._seq = 0
        self._log = folder / "tap.log"
        self._ended = ExitStack()

    def __enter__(self) -> "Tapped":
        self._ended.callback(shutil.rmtree, run_folder(self.settings), ignore_errors=True)
        run_dir = self.settings.run_dir
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._ended.callback(self.context.destroy, 0)
        self._feed = sockets.bind(self.context, OUT, run_dir, "feed-binance")
        self._stream = sockets.bind(self.context, OUT, run_dir, "aggregator")
        self._beats = self._ended.enter_context(Heartbeats(run_dir))
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*with_us(), sys.executable, "-m", "procs.tap"],
                cwd=settings.ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._ended.callback(self._end)
        eventually(self.beats, within=20)
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.close()

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(10)

    # ---- what it says of itself

    def beats(self) -> Heartbeat | None:
        """Return its last heartbeat."""
        return self._beats.take().get("tap")

    def counter(self, name: str) -> int:
        """Return one of its counters, as of its last heartbeat."""
        beat = self.beats()
        assert beat is not None
        return int(beat.counters.get(name, 0))

    def next_beat(self) -> Heartbeat:
        """Return a heartbeat of after now: of the one after the next, which began after now."""
        before = self.beats()
        assert before is not None

        def newer() -> Heartbeat | None:
            beat = self.beats()
            return beat if beat is not None and beat.ts > before.ts + 1_000_000 else None

        found = eventually(newer, within=15)
        assert found is not None
        return found

    # ---- what its bus says

    def publish(self, topic: bytes, message: Message) -> None:
        """Say something as a feed (batches, status) or as the aggregator."""
        as_feed = topic.startswith((b"batch.", b"status."))
        (self._feed if as_feed else self._stream).send_multipart((topic, encode(message)))

    def trade(self) -> int:
        """Publish one trade; return its id, which is also the ``seq`` of its batch."""
        self._seq += 1
        number = self._seq
        batch = TradeBatch("binance", 7, number, [made_trade(number)], {SYMBOL: number - 1})
        self.publish(b"batch.binance.", batch)
        return number

    def ticker(self, price: str) -> None:
        """Publish a ticker."""
        shown = Ticker(
            *("binance", SYMBOL, price, "2", START, START + 1, None, None, None, None, None),
            *(START, "1.5", 3, True, 9, 4),
        )
        self.publish(TICKER, shown)

    # ---- its clients

    def authorise(self, name: str) -> Keys:
        """Make a client's key and let it in."""
        files = tap_keys.authorise(self.keys_dir, name)
        pair = tap_keys.read_pair(files.secret)
        return Keys(*pair, tap_keys.read_public(files.server))

    def server_key(self) -> bytes:
        """Return its public key."""
        return tap_keys.read_public(self.keys_dir / "server.key")

    def client(
        self, keys: Keys | None, topics: Sequence[bytes] = (b"",), kind: int = zmq.SUB
    ) -> Socket:
        """Return a socket that is connected and subscribes."""
        made = self.context.socket(kind)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.IPV6, 1)
        made.setsockopt(zmq.RCVHWM, 100_000)
        if keys is not None:
            made.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
            made.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
            made.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
        made.connect(self.endpoint)
        for topic in topics:
            if kind == zmq.SUB:
                made.setsockopt(zmq.SUBSCRIBE, topic)
            else:
                made.send(b"\x01" + topic)
        return made

    def hears(self, client: Socket) -> bool:
        """Publish trades until the client has one that was published after it was asked."""
        first = self._seq + 1

        def heard() -> bool:
            self.trade()
            return any(newest(message) >= first for message in taken(client, 20))

        return eventually(heard, within=15)


def newest(message: tuple[bytes, dict[str, Any]]) -> int:
    """Return the id of the last trade in a message, 0 where there is none."""
    trades = message[1].get("trades") or [{"trade_id": 0}]
    return int(trades[-1]["trade_id"])


def taken(client: Socket, wait_ms: int) -> list[tuple[bytes, dict[str, Any]]]:
    """Return all that waits for a client; wait for the first one."""
    found: list[tuple[bytes, dict[str, Any]]] = []
    while client.poll(0 if found else wait_ms):
        topic, payload = client.recv_multipart()
        found.append((topic, msgspec.msgpack.decode(payload)))
    return found


def listed(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(os.listdir(folder))

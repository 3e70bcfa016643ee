"""Simulated exchanges for tests: in a thread of this process, on a random port, really served."""

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
import websocket
import zstandard

from procs.simulator import app, recording, server
from procs.simulator.connection import Source
from procs.simulator.exchanges import exchanges
from procs.simulator.faults import Faults
from procs.simulator.listing import Listing
from procs.simulator.playback import Playback
from procs.simulator.protocol import Exchange
from procs.simulator.pump import SeededSource
from procs.simulator.schedule import Schedule
from procs.simulator.stepped import invented
from tests.fix_recordings import recorded

SYMBOLS = ("coinbase:BTC-USD", "binance:BTC-USDT", "coinbase:ETH-USD", "binance:ETH-BTC")


def wall() -> int:
    """Return the time, µs UTC."""
    return time.time_ns() // 1000


class Simulation:
    """Served exchanges, and their clients."""

    def __init__(self, sources: Sequence[Source], known: dict[str, Exchange], faults: Faults):
        self.sources = sources
        listener = server.listen(0)
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._clients: list[Any] = []
        self._failure: BaseException | None = None
        self._stopping = asyncio.Event()
        self._loop = uvloop.new_event_loop()
        made = app.make(known, sources, faults)

        def serve() -> None:
            try:
                self._loop.run_until_complete(server.serve(made, sources, listener, self._stopping))
            except BaseException as error:
                self._failure = error
            self._loop.close()

        self._thread = threading.Thread(target=serve)
        self._thread.start()

    def close(self) -> None:
        """Close clients and server; raise what the server died of."""
        for client in self._clients:
            client.close()
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def open(self, path: str, method: str = "GET") -> tuple[bytes, dict[str, str]]:
        """Return body and headers of an answer; the headers' names in lower case."""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.read(), headers

    def get(self, path: str) -> Any:
        """Return the JSON that a route answers."""
        return json.loads(self.open(path)[0])

    def post(self, path: str) -> Any:
        """Return the JSON that a POST answers."""
        return json.loads(self.open(path, "POST")[0])

    def truth(self, exchange: str, symbol: str, more: str = "") -> list[dict[str, Any]]:
        """Return what was executed."""
        body, _ = self.open(f"/truth?exchange={exchange}&symbol={symbol}{more}")
        return [json.loads(line) for line in body.splitlines()]

    def connect(self, path: str, *messages: dict[str, Any]) -> Any:
        """Return a connected WebSocket client that has sent the messages."""
        client = websocket.create_connection(f"ws://{self.address}{path}", timeout=10)
        self._clients.append(client)
        for message in messages:
            client.send(json.dumps(message))
        return client


def until_cut(client: Any) -> list[str]:
    """Return the texts received until the connection breaks off without a close frame."""
    texts: list[str] = []
    while True:
        try:
            opcode, data = client.recv_data(control_frame=True)
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return texts
        assert opcode != websocket.ABNF.OPCODE_CLOSE
        if opcode == websocket.ABNF.OPCODE_TEXT:
            texts.append(data.decode())


Seeded = Callable[..., Simulation]


@pytest.fixture
def seeded() -> Iterator[Seeded]:
    """Return a function that starts the invented market: ``seeded(rate=…, faults=…)``."""
    started: list[Simulation] = []

    def start(
        rate: float = 500.0,
        *,
        seed: int = 7,
        faults: Faults = Faults(),  # noqa: B008
        known: dict[str, Exchange] | None = None,
        schedule: Schedule | None = None,
        symbols: Sequence[str] = SYMBOLS,
    ) -> Simulation:
        known = known or exchanges()
        schedule = schedule or Schedule(round(rate * 1000), ())
        if not schedule.segments:
            schedule.open(wall() - 100_000, symbols)
        listings: dict[str, list[Listing]] = {}
        for name in symbols:
            exchange, _, symbol = name.partition(":")
            listings.setdefault(exchange, []).append(known[exchange].listing(symbol))
        markets = {
            name: invented(known[name], seed, found, schedule, wall)
            for name, found in listings.items()
        }
        source = SeededSource(seed, markets, schedule, symbols, wall, lambda changed: None)
        made = Simulation([source], known, faults)
        started.append(made)
        return made

    yield start
    for made in started:
        made.close()


Played = Callable[..., Simulation]


@pytest.fixture
def played() -> Iterator[Played]:
    """Return a function that plays recordings: ``played("binance/x.txt.zst", speed=None)``.

    Where one of other people's is missing the test is skipped.
    """
    started: list[Simulation] = []

    def start(*names: str, speed: float | None = None, shift_time: bool = False) -> Simulation:
        known = exchanges()
        paths = recorded(*names)
        sources = [
            Playback(found, speed, 1, wall if shift_time else None)
            for found in recording.scan(paths, known)
        ]
        made = Simulation(sources, known, Faults())
        started.append(made)
        return made

    yield start
    for made in started:
        made.close()


Made = Callable[[str, list[str]], str]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a function that writes a recording of these texts, a second apart; it is named."""
    monkeypatch.setenv("RECORDINGS_DIR", str(tmp_path))

    def make(exchange: str, frames: list[str]) -> str:
        path = tmp_path / exchange / "made.txt.zst"
        path.parent.mkdir()
        lines = (f"{1_723_161_255 + n}.5 {text}" for n, text in enumerate(frames))
        path.write_bytes(zstandard.compress("\n".join(lines).encode()))
        return f"{exchange}/made.txt.zst"

    return make

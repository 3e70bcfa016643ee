"""Real web processes without the rest of an installation, and a source that they listen to.

The source binds the sockets of aggregator, feeds and watchdog and publishes real messages there;
each web process is ``python -m web --slot K`` on one shared listening socket, as supervisord runs
it. There is no database: nothing that is measured here may need one.
"""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zmq
from websockets.sync.client import connect

from bench import usage
from bench.load.dialects import subscription
from bus import topics
from bus.messages import FeedStatus, SymbolStatus, Ticker, encode
from bus.settings import ROOT, Settings
from bus.sockets import Socket, bind
from bus.wiring import STREAM
from tests.surroundings import bare_environment, with_us

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
EXCHANGE = "binance"
READY_WITHIN_S = 30.0
BACKLOG = 4096
_HOUR_US = 3_600_000_000
_GAP_MIN = 0.75
_SUBSCRIBED = b"\x01ticker."


def symbols(count: int) -> list[str]:
    """Return so many made symbols."""
    return [f"S{number:03}-USDT" for number in range(count)]


class WebProcesses:
    """So many, with their source. ``port`` is where they listen.

    Args:
        folder: their DATA_DIR.
        count: how many processes share the port.
        names: the symbols of the one exchange.
        variables: settings, by their names in the environment.
    """

    def __init__(self, folder: Path, count: int, names: Sequence[str], **variables: str) -> None:
        self._settings = Settings(data_dir=folder, feeds={EXCHANGE: tuple(names)})
        self._settings.run_dir.mkdir(mode=0o700, parents=True)
        self._context: zmq.Context[Socket] = zmq.Context()
        self._aggregator, self._feed = (
            bind(self._context, STREAM, self._settings.run_dir, program)
            for program in ("aggregator", f"feed-{EXCHANGE}")
        )
        self._names = list(names)
        self._epoch = time.time_ns() // 1000
        self._seq = 0
        listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.port: int = listening.getsockname()[1]
        environment = bare_environment(
            DATA_DIR=str(folder),
            DATABASE_URL=NO_DATABASE,
            FEEDS=f"{EXCHANGE}:{','.join(names)}",
            **variables,
        )
        self._log = folder / "web.log"
        with self._log.open("wb") as log, listening:
            self._web = [
                subprocess.Popen(
                    [*with_us(), sys.executable, "-m", "web", "--slot", str(slot)],
                    cwd=ROOT,
                    env=environment,
                    stdin=listening.fileno(),
                    stdout=log,
                    stderr=log,
                )
                for slot in range(1, count + 1)
            ]
        try:
            self._wait()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pids(self) -> set[int]:
        """The web processes."""
        return usage.tree(each.pid for each in self._web)

    def publish(self, names: Sequence[str] | None = None) -> None:
        """Publish a change of these symbols, of all without names, with the moment it was made."""
        for name in self._names if names is None else names:
            self._seq += 1
            message = ticker(name, self._epoch, self._seq, time.time_ns() // 1000)
            topic = topics.ticker(EXCHANGE, name)
            self._aggregator.send_multipart((topic, encode(message)))

    def steady(self, rate: float, seconds: float, names: Sequence[str] | None = None) -> int:
        """Publish a change of these symbols ``rate`` times a second; return how many times.

        After a delay the next one is not hurried: two in short order would be told as one.
        """
        now = due = time.monotonic()
        end = now + seconds
        times = 0
        while due < end:
            time.sleep(max(0.0, due - now))
            self.publish(names)
            times += 1
            now = time.monotonic()
            due = max(due + 1 / rate, now + _GAP_MIN / rate)
        time.sleep(max(0.0, end - now))
        return times

    def snapshot(self, channel: str = "ticker") -> str:
        """Return the frame with which a new client is told the present state."""
        return snapshot_of(f"ws://127.0.0.1:{self.port}/ws", channel)

    def _wait(self) -> None:
        """Wait until all have subscribed; then say how the exchange is, and a first price."""
        subscribed = 0
        while subscribed < len(self._web):
            if not self._aggregator.poll(int(READY_WITHIN_S * 1000)):
                raise SystemExit(f"a web process does not start: {self._log.read_text()[-2000:]}")
            subscribed += self._aggregator.recv() == _SUBSCRIBED
        with connect(f"ws://127.0.0.1:{self.port}/ws", open_timeout=READY_WITHIN_S):
            pass
        self._feed.send_multipart((topics.status(EXCHANGE), encode(feed_status(self._names))))
        self.publish()

    def _end(self) -> None:
        for each in self._web:
            each.kill()
        for each in self._web:
            each.wait()
        for made in (self._aggregator, self._feed):
            made.close(linger=0)
        self._context.term()
        shutil.rmtree(self._settings.run_dir, ignore_errors=True)


def ticker(symbol: str, epoch: int, seq: int, now: int) -> Ticker:
    """Return a ticker as an aggregator makes it; its volume says when it was published, µs UTC."""
    return Ticker(
        exchange=EXCHANGE,
        symbol=symbol,
        price=f"{61_000 + seq % 1000}.25",
        size="0.01200000",
        ts_event=now,
        ts_recv=now,
        change_24h="-123.45",
        change_24h_pct="-0.20",
        high_24h="62345.67",
        low_24h="60123.45",
        volume_24h=str(now),
        hour_start=now // _HOUR_US * _HOUR_US,
        hour_avg="61234.567890123456",
        hour_count=seq,
        epoch=epoch,
        seq=seq,
    )


def feed_status(names: Sequence[str]) -> FeedStatus:
    """Return the status of an exchange that is well."""
    now = time.time_ns() // 1000
    return FeedStatus(
        exchange=EXCHANGE,
        state="connected",
        circuit="closed",
        since=now,
        attempt=0,
        next_try=None,
        reason=None,
        gapless=True,
        symbols=[SymbolStatus(name, "live", now, 1) for name in names],
        ts=now,
    )


class _Kind(msgspec.Struct):
    type: str


def snapshot_of(url: str, channel: str = "ticker") -> str:
    """Return the ``snapshot`` that a new client of ``url`` is sent of all symbols."""
    with connect(url, max_size=None) as client:
        client.send(subscription("*", channel=channel))
        while True:
            text = client.recv(timeout=READY_WITHIN_S)
            if msgspec.json.decode(text, type=_Kind).type == "snapshot":
                return str(text)

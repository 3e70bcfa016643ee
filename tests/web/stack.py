"""One web process and the publishers that it listens to: everything real but the messages."""

import http.client
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import zmq
from websockets.sync.client import ClientConnection, connect

from bus import topics
from bus.messages import (
    Average,
    CandleUpdate,
    FeedStatus,
    Heartbeat,
    Message,
    ProgramTable,
    Ticker,
    TradeBatch,
    encode,
)
from bus.settings import Settings
from bus.sockets import Socket, bind
from bus.wiring import STREAM
from tests.eventually import eventually
from tests.web.messages import FEEDS
from tests.web.serve import Apart, Inside

NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"
RAISED = 1_000_000
"""Requests a minute: tests ask more often than anybody may by default, all from one address."""
PROGRAMS = {"aggregator": 3 + 2, "feed-binance": 2 + 2, "feed-coinbase": 2 + 2, "watchdog": 2}
"""The programs played by the tests, and how many subscriptions the web process makes to each."""


class Stack:
    """Started by making it; ``wait`` until it serves, ``end`` it in the end.

    It runs in a thread of the tests' process, or with ``apart`` in a process of its own, which is
    needed where that is what is looked at: its exit code, its memory. ``proxied``: it believes what
    we say of the client's address. ``feeds``: other symbols of the same exchanges.
    """

    def __init__(
        self,
        folder: Path,
        limits: dict[str, float],
        database: str | None,
        cors: str,
        *,
        apart: bool = False,
        proxied: bool = False,
        feeds: dict[str, tuple[str, ...]] = FEEDS,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.settings = Settings(
            data_dir=folder,
            feeds=feeds,
            database_url=database or NO_DATABASE,
            cors_origin=(cors,) if cors else (),
            trusted_proxies=(ip_network("127.0.0.1/32"),) if proxied else (),
            rate_limit_general=RAISED,
            rate_limit_market=RAISED,
        )
        self.settings.run_dir.mkdir(mode=0o700, parents=True)
        self._context: zmq.Context[Socket] = zmq.Context()
        self._sockets = {
            name: bind(self._context, STREAM, self.settings.run_dir, name) for name in PROGRAMS
        }
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        self.web: Apart | Inside
        if apart:
            with listening:
                self.web = Apart(self.settings, limits, listening)
        else:
            self.web = Inside(self.settings, limits, listening)

    def wait(self) -> "Stack":
        """Wait until it has subscribed to everything and answers."""
        for name, count in PROGRAMS.items():
            for _ in range(count):
                assert self._sockets[name].poll(10_000), self.web.errors()
                self._sockets[name].recv()
        eventually(lambda: self.get("/health/live")[0] == 200, within=10)
        return self

    def publish(self, *messages: Message) -> None:
        """Publish messages as those who usually do."""
        for message in messages:
            program, topic = _whose(message)
            self._sockets[program].send_multipart((topic, encode(message)))

    @contextmanager
    def connect(self, path: str = "/ws", **options: Any) -> Iterator[ClientConnection]:
        """A WebSocket, open inside the block."""
        with connect(f"ws://127.0.0.1:{self.port}{path}", **options) as made:
            yield made

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        within: float = 10,
    ) -> tuple[int, dict[str, str], bytes]:
        """Return the status, headers in lower case and body of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=within)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """Return the JSON of a request that is answered with 200."""
        status, _, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def stop(self) -> int:
        """Stop it as supervisord does; return its exit code."""
        self.web.ask_to_stop()
        return self.web.wait()

    def end(self) -> None:
        """Stop it if it runs, and leave nothing behind."""
        self.web.end()
        for made in self._sockets.values():
            made.close(linger=0)
        self._context.term()
        shutil.rmtree(self.settings.run_dir, ignore_errors=True)
        # Nothing that a client does is a matter for a person.
        assert self.web.errors() == []


def receive(socket: ClientConnection, kind: str, within: float = 5.0) -> dict[str, Any]:
    """Return the payload of the next frame of that type; frames of other types are passed over."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=within))
        if frame["type"] == kind:
            payload: dict[str, Any] = frame["payload"]
            return payload


def say(socket: ClientConnection, kind: str, **payload: object) -> None:
    """Send one frame."""
    socket.send(json.dumps({"type": kind, "payload": payload}))


def _whose(message: Message) -> tuple[str, bytes]:
    if isinstance(message, Ticker):
        return "aggregator", topics.ticker(message.exchange, message.symbol)
    if isinstance(message, Average):
        return "aggregator", topics.average(message.exchange, message.symbol)
    if isinstance(message, CandleUpdate):
        topic = topics.candle(message.interval_s, message.exchange, message.symbol)
        return "aggregator", topic
    if isinstance(message, FeedStatus):
        return f"feed-{message.exchange}", topics.status(message.exchange)
    if isinstance(message, TradeBatch):
        return f"feed-{message.exchange}", topics.batch(message.exchange)
    if isinstance(message, Heartbeat):
        return "watchdog", topics.heartbeat(message.program)
    assert isinstance(message, ProgramTable)
    return "watchdog", topics.PROGRAMS

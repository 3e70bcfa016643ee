"""Three web processes on one listening socket and one bus: killed, restarted; their clients."""

import asyncio
import http.client
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import zmq

from bus import topics
from bus.messages import encode
from bus.process import run_folder
from bus.settings import Settings
from bus.sockets import Socket, bind
from bus.wiring import STREAM
from tests.beside import Beside
from tests.eventually import eventually
from tests.faults import times
from tests.web.messages import FEEDS, batch
from tests.web.serve import Apart
from tests.web.stack import NO_DATABASE, PROGRAMS
from tests.web.websocket import CLOSE, HANDSHAKE, TEXT, asked, has_ended, masked, read_frame
from web.occupancy import Occupancy

COUNT = 3
CLIENTS = 600
ALL_BACK_WITHIN_S = 30
RETRY_S = 1.0
"""A client that was cut without a word comes back within so long."""
FEED = "feed-binance"
FOLLOWERS = 10
"""One client of so many follows trades."""


class Slots:
    """The processes. Their database does not exist: nothing here may need it."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(
            data_dir=folder,
            feeds=FEEDS,
            database_url=NO_DATABASE,
            trusted_proxies=(ip_network("127.0.0.1/32"),),
            web_processes=COUNT,
        )
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]
        self._running: dict[int, Apart] = {}
        self._watching = Occupancy(run_folder(self._settings), 0, COUNT)
        self._context: zmq.Context[Socket] = zmq.Context()
        self._feed = bind(self._context, STREAM, self._settings.run_dir, FEED)
        self._feeding = threading.Lock()
        self._awaited = 0
        self._seq = 0

    def start(self) -> None:
        """Start those that do not run, and wait until all accept and hear of trades."""
        for slot in range(1, COUNT + 1):
            if slot not in self._running:
                self._running[slot] = Apart(self._settings, {}, self._listening, slot)
                self._awaited += PROGRAMS[FEED]
        eventually(lambda: len(self.held()) == COUNT and self._all_subscribed(), within=20)

    def _all_subscribed(self) -> bool:
        with self._feeding:
            while self._feed.poll(0):
                self._awaited -= self._feed.recv()[0]  # 1 where one begins, 0 where one ends
        return self._awaited == 0

    def trade(self) -> int:
        """Publish the next trade; return its id and ``seq``."""
        self._seq += 1
        topic = topics.batch("binance")
        with self._feeding:
            self._feed.send_multipart((topic, encode(batch(self._seq, [self._seq]))))
        return self._seq

    def held(self) -> list[int]:
        """Return how many connections each process holds that accepts."""
        self._watching.refresh()
        return self._watching.others(time.monotonic_ns() // 1000)

    def kill(self, slot: int) -> None:
        """Kill one."""
        self._running.pop(slot).end()

    def stop(self, slot: int) -> int:
        """Stop one as supervisord does; return its exit code."""
        stopped = self._running.pop(slot)
        stopped.ask_to_stop()
        return stopped.wait()

    def end(self) -> None:
        """End all."""
        for process in self._running.values():
            process.process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            assert process.wait() == 0
            assert process.errors() == []
        self._watching.close()
        self._listening.close()
        self._feed.close(linger=0)
        self._context.term()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    slots = Slots(tmp_path_factory.mktemp("slots"))
    yield slots
    slots.end()


@pytest.fixture
def slots(running: Slots) -> Slots:
    running.start()
    return running


class Trading(Beside):
    """A trade now and then. ``newest`` is the id of the last one."""

    PAUSE_S = 0.2

    def __init__(self, slots: Slots) -> None:
        super().__init__(self._trade)
        self._slots = slots
        self.newest = 0

    def _trade(self) -> None:
        while not self.ended.wait(self.PAUSE_S):
            self.newest = self._slots.trade()


class Follower:
    """What one client has of the trades, over all its connections."""

    def __init__(self) -> None:
        self.at: list[int] | None = None
        """Its position, (epoch, seq)."""
        self.resumed: list[bool] = []
        """What it was answered when it asked for what it had missed."""
        self.wrong: list[str] = []

    def wish(self) -> dict[str, Any]:
        """Return what it subscribes to."""
        wish: dict[str, Any] = {"channel": "trade", "symbols": ["ETH-USDT"]}
        return wish if self.at is None else {**wish, "resume": {"binance": self.at}}

    def take(self, frame: dict[str, Any]) -> None:
        """Take one frame: trades follow each other."""
        payload = frame["payload"]
        if frame["type"] == "subscribed":
            if payload["recovered"] is not None:
                self.resumed.append(payload["recovered"])
            if not payload["recovered"]:
                self.at = payload["resume"].get("binance")
        elif frame["type"] == "trade_update":
            if self.at is not None and payload["prev_seq"] != self.at[1]:
                self.wrong.append(f"{payload['seq']} came after {self.at}")
            self.at = [payload["epoch"], payload["seq"]]


class Crowd(Beside):
    """Many subscribed clients, who come back when they are sent away or cut."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__(self._run)
        self._port = port
        self._count = count
        self.followers = [Follower() for _ in range(0, count, FOLLOWERS)]
        self.open = 0
        self.refused: list[str] = []
        self.closed: list[tuple[float, int | None]] = []
        """When each connection ended, and its code; None: it was cut."""

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        self._over = asyncio.Event()
        following = [*self.followers, *[None] * (self._count - len(self.followers))]
        clients = [asyncio.ensure_future(self._be_one(follower)) for follower in following]
        await asyncio.to_thread(self.ended.wait)
        self._over.set()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _be_one(self, follower: Follower | None) -> None:
        while not self.ended.is_set():
            spread_s = RETRY_S
            try:
                spread_s = await self._visit(follower)
            except ConnectionRefusedError as error:
                self.refused.append(repr(error))
            except (OSError, EOFError):
                self.closed.append((time.monotonic(), None))
            try:
                await asyncio.wait_for(self._over.wait(), random.uniform(0, spread_s))
            except TimeoutError:
                pass

    async def _visit(self, follower: Follower | None) -> float:
        """Be there until the connection ends; return over how many seconds to spread the return."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(HANDSHAKE + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101 "):
                self.refused.append(head.decode("latin-1"))
                return RETRY_S
            wish = {"symbols": ["ETH-USDT"]} if follower is None else follower.wish()
            writer.write(masked(TEXT, json.dumps({"type": "subscribe", **wish}).encode()))
            self.open += 1
            try:
                while True:
                    opcode, payload = await read_frame(reader)
                    if opcode == CLOSE:
                        self.closed.append((time.monotonic(), int.from_bytes(payload[:2], "big")))
                        reason: dict[str, int] = json.loads(payload[2:])
                        return reason["spread_ms"] / 1000
                    if follower is not None and opcode == TEXT:
                        follower.take(json.loads(payload))
            finally:
                self.open -= 1
        finally:
            writer.close()


class Load(Beside):
    """Requests all the time, on a new connection each and on one that is kept."""

    PAUSE_S = 0.003

    def __init__(self, port: int) -> None:
        super().__init__(self._ask_anew, self._ask_anew, self._ask_on)
        self._port = port
        self.answered = 0
        self.failed: list[str] = []

    def _ask_anew(self) -> None:
        while not self.ended.wait(self.PAUSE_S):
            self._ask(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10), once=True)

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self.ended.wait(self.PAUSE_S):
            self._ask(connection, once=False)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, *, once: bool) -> None:
        try:
            connection.request("GET", "/health/live")
            answer = connection.getresponse()
            answer.read()
            self.answered += answer.status == 200
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(repr(error))
            connection.close()
        if once:
            connection.close()


def even(held: list[int]) -> bool:
    """True when all processes are there and hold within 30 % of each other."""
    return len(held) == COUNT and max(held) <= 1.3 * min(held)


@pytest.mark.alone
def test_f25_clients_of_a_killed_process_resume_at_others_and_are_then_evenly_shared(
    slots: Slots,
) -> None:
    count = times(CLIENTS, 6000)
    with Crowd(slots.port, count) as crowd:
        with Trading(slots) as trading:
            eventually(lambda: crowd.open == count and even(slots.held()), within=ALL_BACK_WITHIN_S)
            eventually(lambda: all(each.at for each in crowd.followers))
            before = [len(each.resumed) for each in crowd.followers]
            slots.kill(2)
            eventually(lambda: len(slots.held()) == COUNT - 1)
            assert not even(slots.held())
            eventually(lambda: crowd.open == count, within=ALL_BACK_WITHIN_S)

            def all_have_the_next() -> bool:
                newest = trading.newest
                return all(each.at and each.at[1] >= newest for each in crowd.followers)

            eventually(all_have_the_next)
            again = [
                answer
                for each, answers in zip(crowd.followers, before, strict=True)
                for answer in each.resumed[answers:]
            ]
            assert again  # some were cut
            assert all(again)  # and what they missed was at the process that they came to
            slots.start()
            assert not even(slots.held())  # all came back before it did
            eventually(lambda: even(slots.held()), within=2 * ALL_BACK_WITHIN_S)
            eventually(lambda: crowd.open == count, within=ALL_BACK_WITHIN_S)
        eventually(lambda: {each.at[1] for each in crowd.followers if each.at} == {trading.newest})
        assert [each.wrong for each in crowd.followers if each.wrong] == []
        assert crowd.refused == []


def test_a_process_restarted_under_load_refuses_nobody(slots: Slots) -> None:
    count = times(300, 6000)
    with Load(slots.port) as load, Crowd(slots.port, count) as crowd:
        eventually(lambda: crowd.open == count and load.answered > 0, within=ALL_BACK_WITHIN_S)
        for slot in range(1, times(1, COUNT) + 1):
            ended, answered = len(crowd.closed), load.answered
            assert slots.stop(slot) == 0
            moments = [moment for moment, _ in crowd.closed[ended:]]
            assert len(moments) > count / COUNT / 2
            assert max(moments) - min(moments) > 0.1  # in batches, not all at once
            slots.start()
            eventually(lambda: load.answered > answered)  # noqa: B023
            eventually(lambda: crowd.open == count, within=ALL_BACK_WITHIN_S)
        assert {code for _, code in crowd.closed} == {1012}
        assert (load.failed, crowd.refused) == ([], [])


def test_a19_an_address_has_its_share_over_all_processes_and_a_dead_ones_is_free(
    slots: Slots,
) -> None:
    with ExitStack() as clients:
        twenty = [client for client in ask_for(slots, clients, 60) if client is not None]
        assert len(twenty) == 20
        for slot in (1, 2):
            slots.kill(slot)
        cut = sum(has_ended(client) for client in twenty)
        again = [client for client in ask_for(slots, clients, 25) if client is not None]
        assert len(again) == cut


def ask_for(slots: Slots, clients: ExitStack, count: int) -> Iterator[socket.socket | None]:
    """Ask for so many WebSockets from one address; yield each that opens, None for a refusal."""
    for _ in range(count):
        client, head = asked(slots.port, "X-Forwarded-For: 203.0.113.9")
        clients.enter_context(client)
        yield client if head.startswith(b"HTTP/1.1 101 ") else None

"""Three real web processes on one listening socket: killed, restarted, and their clients."""

import asyncio
import http.client
import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from bus.process import run_folder
from bus.settings import Settings
from tests.beside import Beside
from tests.eventually import eventually
from tests.faults import times
from tests.web.messages import FEEDS
from tests.web.serve import Apart
from tests.web.stack import NO_DATABASE
from tests.web.websocket import HANDSHAKE, TEXT, asked, close_code, has_ended, masked
from web.occupancy import Occupancy

COUNT = 3
CLIENTS = 600
ALL_BACK_WITHIN_S = 30
RETRY_S = 1.0
"""A client that was cut without a word comes back within so long."""


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

    def start(self) -> None:
        """Start those that do not run, and wait until all accept."""
        for slot in range(1, COUNT + 1):
            if slot not in self._running:
                self._running[slot] = Apart(self._settings, {}, self._listening, slot)
        eventually(lambda: len(self.held()) == COUNT, within=20)

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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    slots = Slots(tmp_path_factory.mktemp("slots"))
    yield slots
    slots.end()


@pytest.fixture
def slots(running: Slots) -> Slots:
    running.start()
    return running


class Crowd(Beside):
    """Many subscribed clients, who come back when they are sent away or cut."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__(self._run)
        self._port = port
        self._count = count
        self.open = 0
        self.refused: list[str] = []
        self.closed: list[tuple[float, int | None]] = []
        """When each connection ended, and its code; None: it was cut."""

    def _run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        self._over = asyncio.Event()
        clients = [asyncio.ensure_future(self._be_one()) for _ in range(self._count)]
        await asyncio.to_thread(self.ended.wait)
        self._over.set()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _be_one(self) -> None:
        while not self.ended.is_set():
            spread_s = RETRY_S
            try:
                spread_s = await self._visit()
            except ConnectionRefusedError as error:
                self.refused.append(repr(error))
            except (OSError, EOFError):
                self.closed.append((time.monotonic(), None))
            try:
                await asyncio.wait_for(self._over.wait(), random.uniform(0, spread_s))
            except TimeoutError:
                pass

    async def _visit(self) -> float:
        """Be there until the connection ends; return over how many seconds to spread the return."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(HANDSHAKE + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101 "):
                self.refused.append(head.decode("latin-1"))
                return RETRY_S
            writer.write(masked(TEXT, b'{"type":"subscribe","symbols":["ETH-USDT"]}'))
            self.open += 1
            try:
                while received := await reader.read(65536):
                    code = close_code(received)
                    if code is not None:
                        self.closed.append((time.monotonic(), code))
                        reason: dict[str, int] = json.loads(received[received.rindex(b"{") :])
                        return reason["spread_ms"] / 1000
                raise EOFError
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
def test_f25_clients_of_a_killed_process_are_back_soon_and_then_evenly_shared(
    slots: Slots,
) -> None:
    count = times(CLIENTS, 6000)
    with Crowd(slots.port, count) as crowd:
        eventually(lambda: crowd.open == count and even(slots.held()), within=ALL_BACK_WITHIN_S)
        slots.kill(2)
        eventually(lambda: len(slots.held()) == COUNT - 1)
        assert not even(slots.held())
        eventually(lambda: crowd.open == count, within=ALL_BACK_WITHIN_S)
        slots.start()
        assert not even(slots.held())  # all came back before it did
        eventually(lambda: even(slots.held()), within=2 * ALL_BACK_WITHIN_S)
        eventually(lambda: crowd.open == count, within=ALL_BACK_WITHIN_S)
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

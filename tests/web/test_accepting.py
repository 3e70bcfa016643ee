"""Several acceptors on one listening socket, each in a thread of its own as in a process."""

import asyncio
import errno
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvloop

from tests.beside import Beside
from tests.eventually import eventually
from web.accepting import PER_WAKE, REST_S, Acceptor
from web.occupancy import Occupancy

ROOM = 10_000


class Held(asyncio.Protocol):
    """A connection that stays open."""

    def __init__(self, held: set["Held"]) -> None:
        self._held = held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._held.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._held.discard(self)


class Side(Beside):
    """One of those who accept, for as long as the ``with`` lasts."""

    def __init__(
        self, listening: socket.socket, folder: Path, slot: int, slots: int, room: int = ROOM
    ) -> None:
        super().__init__(self._run)
        self.held: set[Held] = set()
        self.counters: Counter[str] = Counter()
        self.accepting = threading.Event()
        self._listening = listening
        self._slots = folder, slot, slots
        self._room = room
        self._loop = uvloop.new_event_loop()

    def call(self, what: Callable[[], object]) -> None:
        """Let the thread do something."""
        self._loop.call_soon_threadsafe(what)

    def sees(self) -> int:
        """Return how many others there are."""
        return len(self.occupancy.others(time.monotonic_ns() // 1000))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._accept())

    async def _accept(self) -> None:
        self.occupancy = Occupancy(*self._slots)
        self.acceptor = Acceptor(
            self._listening,
            lambda: Held(self.held),
            lambda: len(self.held),
            self._room,
            self.occupancy,
            lambda count: None,
            self.counters,
        )
        self.acceptor.open()
        self.accepting.set()
        await asyncio.to_thread(self.ended.wait)
        self.acceptor.close()
        self.occupancy.close()


Begin = Callable[..., Side]


class Clients:
    """Connections to the listening socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._open = ExitStack()

    def connect(self, count: int) -> None:
        """Open some more."""
        for _ in range(count):
            self._open.enter_context(socket.create_connection(self._address, timeout=10))

    def close(self) -> None:
        """Close them all."""
        self._open.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as made:
        made.setblocking(False)
        yield made


@pytest.fixture
def clients(listening: socket.socket) -> Iterator[Clients]:
    made = Clients(listening.getsockname())
    yield made
    made.close()


@pytest.fixture
def begin(listening: socket.socket, tmp_path: Path) -> Iterator[Begin]:
    """Starts sides on the socket."""
    with ExitStack() as running:

        def start(slot: int, slots: int, on: socket.socket = listening, **options: int) -> Side:
            side = running.enter_context(Side(on, tmp_path, slot, slots, **options))
            assert side.accepting.wait(10)
            return side

        yield start


def held(*sides: Side) -> list[int]:
    return [len(side.held) for side in sides]


def test_those_that_share_a_socket_hold_about_as_many(begin: Begin, clients: Clients) -> None:
    sides = [begin(slot, 3) for slot in (1, 2, 3)]
    eventually(lambda: all(side.sees() == 2 for side in sides))
    clients.connect(300)
    eventually(lambda: sum(held(*sides)) == 300)
    assert max(held(*sides)) <= 105 + 16 + PER_WAKE


def test_whoever_begins_anew_gets_the_next_ones(begin: Begin, clients: Clients) -> None:
    first = begin(1, 2)
    clients.connect(100)
    eventually(lambda: held(first) == [100])  # alone it takes all
    second = begin(2, 2)
    eventually(lambda: stands_back(first))
    clients.connect(60)
    eventually(lambda: held(first, second) == [100, 60])


def stands_back(side: Side) -> bool:
    return not side.acceptor.accepts


def test_nobody_waits_for_one_that_hangs(begin: Begin, clients: Clients, tmp_path: Path) -> None:
    hanging = Occupancy(tmp_path, 2, 2)
    side = begin(1, 2)
    hanging.report(0, time.monotonic_ns() // 1000, takes=True)
    clients.connect(100)

    def beats() -> bool:
        hanging.report(0, time.monotonic_ns() // 1000, takes=True)
        return stands_back(side)

    eventually(beats)
    assert held(side)[0] < 34 + 2 * PER_WAKE  # the control: the rest is left to one that lives
    eventually(lambda: held(side) == [100], within=5)  # now it hangs
    hanging.close()


def test_whoever_is_full_leaves_the_rest_to_others_while_there_are_any(
    begin: Begin, clients: Clients
) -> None:
    full, other = begin(1, 2, room=10), begin(2, 2)
    eventually(lambda: full.sees() == other.sees() == 1)
    clients.connect(60)
    eventually(lambda: sum(held(full, other)) == 60)
    assert held(full)[0] < 10 + PER_WAKE
    other.call(other.acceptor.close)
    clients.connect(10)
    eventually(lambda: sum(held(full, other)) == 70)


def test_what_waits_when_one_ends_is_the_others(begin: Begin, clients: Clients) -> None:
    first, second = begin(1, 2), begin(2, 2)
    eventually(lambda: first.sees() == second.sees() == 1)
    first.call(first.acceptor.close)
    eventually(lambda: stands_back(first))
    before = held(first)[0]
    clients.connect(50)
    eventually(lambda: sum(held(first, second)) == 50)
    assert held(first)[0] == before


class Exhausted(socket.socket):
    """A listening socket whose process has no file left, for the first few times."""

    tries = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.tries += 1
        if self.tries <= 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_an_accept_that_fails_is_tried_again_after_a_while_and_not_at_once(
    begin: Begin, listening: socket.socket, clients: Clients
) -> None:
    with Exhausted(fileno=os.dup(listening.fileno())) as exhausted:
        exhausted.setblocking(False)
        clients.connect(1)
        began = time.monotonic()
        side = begin(1, 1, exhausted)
        eventually(lambda: held(side) == [1])
        assert time.monotonic() - began > 2 * REST_S - 0.01  # a loop's time is whole milliseconds
        assert side.counters["accept_failed"] == 2
        assert exhausted.tries <= 2 + 2
        side.call(side.acceptor.close)
        eventually(lambda: stands_back(side))

"""The tap's connections on a real socket: who comes, who goes, and who sends too much."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import zmq

from bus.sockets import Socket
from procs.tap.connections import ALLOWED_BYTES, Change, Connections
from tests.eventually import eventually
from tests.zmtp import Raw, frame


class Watched:
    """A bound XPUB that reads what it is sent, and its connections."""

    def __init__(self, context: "zmq.Context[Socket]") -> None:
        self.tap = context.socket(zmq.XPUB)
        self.tap.setsockopt(zmq.LINGER, 0)
        # The port must be known before anybody can come, as TAP_ENDPOINT says it.
        self.port = self.tap.bind_to_random_port("tcp://127.0.0.1")
        self.connections = Connections(context, self.tap, self.port)
        self.told: list[Change] = []
        self.messages = 0

    def read(self) -> int:
        """Read what waits; return how many messages have been read so far."""
        while self.tap.poll(0):
            self.tap.recv()
            self.messages += 1
        return self.messages

    def changes(self) -> list[Change]:
        """Return who came and went so far."""
        self.told += self.connections.take()
        return self.told


@pytest.fixture
def watched() -> Iterator[Watched]:
    context: zmq.Context[Socket] = zmq.Context()
    made = Watched(context)
    yield made
    made.connections.close()
    made.tap.close()
    context.term()


def test_each_that_comes_and_goes_is_told_once(watched: Watched) -> None:
    def has_told(count: int) -> bool:
        return len(watched.changes()) == count

    for count in range(1, 4):
        with Raw(watched.port):
            eventually(partial(has_told, 2 * count - 1))
        eventually(partial(has_told, 2 * count))
    assert [change.came for change in watched.told] == [True, False] * 3
    assert watched.connections.flooded == 0


def test_one_that_is_cut_is_ended_and_no_other(watched: Watched) -> None:
    with Raw(watched.port) as first:
        (change,) = eventually(watched.changes)
        with Raw(watched.port) as second:
            eventually(lambda: len(watched.changes()) == 2)
            watched.connections.cut(change.number)
            assert first.ended(15)
            assert not second.ended(0)
    watched.connections.cut(12345)  # it has gone: nothing happens


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts bytes: it was NOT tried")
def test_who_sends_too_much_is_ended_though_nobody_asks(watched: Watched) -> None:
    part = b"".join(frame(b"\x01%058d" % number) for number in range(100))
    with ExitStack() as ended:
        quiet, loud = (ended.enter_context(Raw(watched.port)) for _ in range(2))
        for one in (quiet, loud):
            one.begin()
        quiet.send(frame(b"\x01trade."))

        def flooded() -> bool:
            sent = loud.send(part)
            watched.read()
            return not sent or watched.connections.flooded > 0

        eventually(flooded)
        assert loud.ended(15)
        assert not quiet.ended(0)
    assert watched.connections.flooded == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts bytes: it was NOT tried")
def test_what_is_allowed_at_once_ends_nobody(watched: Watched) -> None:
    with Raw(watched.port) as one:
        one.begin()
        again = frame(b"\x01trade.") + frame(b"\x00trade.")
        times = ALLOWED_BYTES // 2 // len(again)
        assert one.send(again * times)
        eventually(lambda: watched.read() == 2 * times)
        one.send(again)
        eventually(lambda: watched.read() == 2 * times + 2)
        assert not one.ended(0)
    assert watched.connections.flooded == 0

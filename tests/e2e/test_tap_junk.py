"""Junk from those who may subscribe: it ends its own connection, and nobody else misses anything.

Each kind of junk comes over ``CONNECTIONS`` connections, one after the other, twice: the second
time the tap may not grow. The environment variable TICKWIRE_SCALE, a whole number (1), multiplies
them.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest
import zmq

from procs.tap.guests import SUBSCRIPTIONS_MAX
from procs.tap.tap import REPEAT_US
from tests.eventually import eventually
from tests.procs.tap_watching import SCALE, Listener, unmoved
from tests.procs.tapping import TRADES, Tapped, taken
from tests.zmtp import Raw, frame

pytestmark = pytest.mark.e2e

CONNECTIONS = 10 * SCALE
GROWTH_MAX = 48 << 20
"""The heap of who is sent thousands of topics falls into pieces, which settle."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapped]:
    """A tap on loopback."""
    with Tapped(tmp_path_factory.mktemp("plain"), "127.0.0.1") as made:
        yield made


def many_topics(chance: Random) -> Iterator[bytes]:
    """Subscribe to ever new topics."""
    while True:
        yield b"".join(frame(b"\x01" + chance.randbytes(60)) for _ in range(100))


def many_ends(chance: Random) -> Iterator[bytes]:
    """End what others have asked for, over and over."""
    while True:
        yield b"".join(frame(b"\x00" + TRADES) + frame(b"\x00") for _ in range(50))


def many_messages(chance: Random) -> Iterator[bytes]:
    """Send what is no subscription."""
    while True:
        yield b"".join(frame(chance.randbytes(900)) for _ in range(10))


def long_topics(chance: Random) -> Iterator[bytes]:
    """Subscribe to topics as long as a frame may be."""
    while True:
        yield frame(b"\x01" + chance.randbytes(1_000))


def in_parts(chance: Random) -> Iterator[bytes]:
    """Send a message that never ends."""
    while True:
        yield b"".join(frame(b"\x01x", flags=0x01) for _ in range(100))


FLOODS = [many_topics, many_ends, many_messages, long_topics, in_parts]


@pytest.mark.parametrize("flood", FLOODS)
def test_junk_ends_its_own_connection_and_nobody_else_misses_anything(
    plain: Tapped, flood: Callable[[Random], Iterator[bytes]]
) -> None:
    chance = Random(7)
    with plain.client(None) as client:
        listener = Listener(plain, client)
        for check in (
            nullcontext(),
            unmoved(plain, GROWTH_MAX),
        ):  # what memory it takes once is taken
            with check:
                for _ in range(CONNECTIONS):
                    with Raw(plain.port) as one:
                        one.begin()
                        parts = flood(chance)
                        while one.send(next(parts)) and not one.ended(0):
                            pass
                    plain.trade()
                listener.missed_nothing()


def test_state_is_not_repeated_to_others_because_somebody_asks_a_thousand_times(
    plain: Tapped,
) -> None:
    with plain.client(None) as client:
        listener = Listener(plain, client)

        def shown() -> bool:
            plain.ticker("1")
            return bool(taken(client, 50))

        eventually(shown)
        taken(client, 200)
        again = (frame(b"\x00ticker.") + frame(b"\x01ticker.")) * 1_000
        with Raw(plain.port) as one:
            one.begin()
            asked = time.monotonic()
            assert one.send(again)
            told = [topic for topic, _ in taken(client, 400) + taken(client, 400)]
            took_us = (time.monotonic() - asked) * 1e6
        assert 1 <= told.count(b"ticker.binance.ETH-USDT.") <= 2 + took_us // REPEAT_US
        listener.missed_nothing()


def test_who_keeps_within_the_limits_is_not_cut(plain: Tapped) -> None:
    names = [b"trade.binance.%d." % number for number in range(SUBSCRIPTIONS_MAX - 1)]
    cut = plain.next_beat().counters.get("cut", 0)
    with plain.client(None, [*names, TRADES]) as client:
        assert plain.hears(client)
        assert plain.next_beat().counters.get("cut", 0) == cut


def has_ipv6() -> bool:
    """True when this machine can listen on its own IPv6 address."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here: it was NOT tried")
def test_a_tap_on_ipv6_knows_its_connections_too(tmp_path: Path) -> None:
    with Tapped(tmp_path / "data", "[::1]") as tap, tap.client(None) as client:
        assert tap.hears(client)
        cut = tap.next_beat().counters.get("cut", 0)
        with tap.client(None, [], zmq.XSUB) as strange:

            def ended() -> bool:
                strange.send(b"hello")
                return tap.counter("cut") > cut

            eventually(ended, within=10)
        assert tap.hears(client)

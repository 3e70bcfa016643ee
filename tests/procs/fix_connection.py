"""A server on loopback and the feed's loop around a connection to it."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.log import Log
from procs.feed.connection import Connection
from procs.feed.exchanges import Streamed
from procs.feed.exchanges.binance import Exchange as Binance
from procs.feed.exchanges.coinbase import Exchange as Coinbase
from tests import needed
from tests.exchanges.samples import binance, coinbase
from tests.procs.driving import Driving
from tests.procs.exchange_server import ExchangeServer, Peer

COINBASE = Coinbase(coinbase.symbols)
BINANCE = Binance(binance.symbols)
Serve = Callable[..., ExchangeServer]
Drive = Callable[..., Driving]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[ExchangeServer] = []

    def start(context: ssl.SSLContext | None = None) -> ExchangeServer:
        made.append(ExchangeServer(context))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def drive() -> Iterator[Drive]:
    made: list[Driving] = []

    def start(server: ExchangeServer, exchange: Streamed = COINBASE) -> Driving:
        one = Driving()
        one.connection = Connection(
            exchange, server.websocket_url, server.rest_url, one.take, Log("feed-test")
        )
        made.append(one)
        return one

    yield start
    for one in made:
        assert one.connection is not None
        one.connection.close()


@pytest.fixture
def longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the jitter be the longest there is, so that a wait is known."""
    monkeypatch.setattr("procs.feed.connection.random.random", lambda: 0.9999)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let next to no time pass between questions about symbols."""
    monkeypatch.setattr("procs.feed.listing.PAUSE_S", 0.001)


def connected(driving: Driving, server: ExchangeServer, count: int = 1) -> Peer:
    """Drive until the server has seen so many connections and ours are open."""
    line = driving.connection
    assert line is not None
    driving.until(lambda: len(server.peers) == count and line.readers)
    return server.peers[-1]


def line_of(driving: Driving) -> Connection:
    assert driving.connection is not None
    return driving.connection


def wait_s(driving: Driving) -> float:
    """Return the seconds until the next try."""
    next_try = line_of(driving).next_try
    assert next_try is not None
    return (next_try - driving.now().wall) / 1e6


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody has signed."""
    needed.program("openssl", "TLS was")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context

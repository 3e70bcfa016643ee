"""What the exchange lists, asked of a real HTTP server, good and bad."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from bus.log import Log
from bus.messages import SymbolStatus
from procs.feed import rest
from procs.feed.connection import Connection
from procs.feed.exchanges import coinbase
from procs.feed.listing import ANSWER_BYTES_MAX, PAUSE_S, RENEW_US, RETRY_US_MIN, Listings
from procs.feed.rest import STUCK_US
from tests.eventually import eventually
from tests.procs.driving import Driving
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.feeding import Feeding, match
from tests.procs.fix_connection import Serve
from tests.procs.living import Clock

SYMBOLS = ("BTC-USD", "ETH-USD", "FOO-USD")
CATALOGUE = "/rest/products"
NOT_FOUND = http("404 Not Found", body=b'{"message":"NotFound"}')
HOUR_US = 3_600_000_000
Found = TypeVar("Found")


def path_of(symbol: str) -> str:
    return f"/rest/products/{symbol}"


def product(symbol: str, tick_size: str = "0.01000000") -> bytes:
    """Return the exchange's answer for a symbol that it lists."""
    body = f'{{"id":"{symbol}","quote_increment":"{tick_size}","base_increment":"0.00000001"}}'
    return http("200 OK", body=body.encode())


class Asking:
    """Listings on a server that knows BTC-USD and ETH-USD, and a clock moved by hand."""

    def __init__(self, server: ExchangeServer, rest_url: str | None = None) -> None:
        self.server = server
        self.clock = Clock()
        self.connected_since: int | None = 1
        server.rest = {path_of(symbol): product(symbol) for symbol in SYMBOLS[:2]}
        server.rest[path_of("FOO-USD")] = NOT_FOUND
        server.rest[CATALOGUE] = http("200 OK", body=b"[]")
        exchange = coinbase.Exchange(SYMBOLS)
        self.listings = Listings(exchange, rest_url or server.rest_url, SYMBOLS, Log("test"))

    def second(self, micros: int = 0) -> None:
        """Let that much time pass, then have the listings look."""
        self.listings.on_second(self.clock.pass_time(micros), self.connected_since)

    def until(self, condition: Callable[[], Found]) -> Found:
        """Look until ``condition`` is true; no time passes by."""

        def looked() -> Found:
            self.second()
            return condition()

        return eventually(looked, within=10)

    def at_rest(self) -> bool:
        """True when no question is under way."""
        return self.listings._round is None

    def settled(self) -> None:
        """Begin a round if one is due, and wait for its end."""
        self.second()
        self.until(self.at_rest)

    def asked(self) -> list[str]:
        """Return the symbols that were asked for, in order."""
        return [url.rpartition("/")[2] for _, url in self.server.rest_asked if url != CATALOGUE]

    def catalogues(self) -> int:
        """Return how often all that is listed was asked for."""
        return [path for _, path in self.server.rest_asked].count(CATALOGUE)

    def known(self) -> dict[str, tuple[bool | None, str | None, str | None]]:
        """Return what stands in each symbol's status."""
        found = [self.listings.of(SymbolStatus(one, "live", 7, 3)) for one in SYMBOLS]
        assert [one.trades for one in found] == [3, 3, 3]
        return {one.symbol: (one.listed, one.tick_size, one.size_step) for one in found}


LISTED = (True, "0.01", "0.00000001")
UNLISTED = (False, None, None)
UNKNOWN = (None, None, None)


@pytest.fixture
def asking(serve: Serve, hurried: None) -> Iterator[Asking]:
    made = Asking(serve())
    yield made
    made.listings.close()


def test_each_symbol_is_asked_for_once_at_a_polite_pace(serve: Serve) -> None:
    asking = Asking(serve())
    assert list(asking.known().values()) == [UNKNOWN] * 3
    asking.settled()
    assert asking.known() == {"BTC-USD": LISTED, "ETH-USD": LISTED, "FOO-USD": UNLISTED}
    assert asking.asked() == list(SYMBOLS)
    for (before, _), (after, _) in pairwise(asking.server.rest_asked):
        assert after - before >= PAUSE_S * 0.95
    asking.settled()
    assert asking.asked() == list(SYMBOLS)
    asking.listings.close()


def test_nothing_is_asked_without_a_connection(asking: Asking) -> None:
    asking.connected_since = None
    asking.settled()
    assert asking.asked() == []
    asking.connected_since = 5
    asking.settled()
    assert asking.asked() == list(SYMBOLS)


def test_a_symbol_that_is_not_listed_is_named(asking: Asking) -> None:
    assert asking.listings.complaint is None
    asking.settled()
    assert asking.listings.complaint == "not listed by coinbase: FOO-USD"


def test_it_is_warned_of_once_for_each_symbol(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(Log, "warning", lambda _, event, symbol: said.append((event, symbol)))
    asking.settled()
    assert asking.catalogues() == 1
    for _ in range(3):
        asking.second(RENEW_US)
        asking.settled()
    assert len(asking.asked()) == 12
    assert said == [("feed.not_listed", "FOO-USD")]


def catalogue(*names: str) -> bytes:
    """Return the exchange's answer when it is asked for all that it lists."""
    products = ",".join(f'{{"id":"{name}","status":"online"}}' for name in names)
    return http("200 OK", body=f"[{products}]".encode())


def test_a_typing_error_names_the_symbol_that_is_spelled_most_alike(
    asking: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    asking.server.rest[CATALOGUE] = catalogue("BTC-USD", "FOX-EUR", "FOX-USD", "ETH-USD")
    asking.settled()
    assert asking.listings.complaint == "not listed by coinbase: FOO-USD (FOX-USD?)"
    told = [asking.listings.of(SymbolStatus(one, "live", 7, 3)).nearest for one in SYMBOLS]
    assert told == [None, None, "FOX-USD"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    asking.settled()
    assert asking.catalogues() == 1


@pytest.mark.parametrize(
    "answer", [http("500 Oops"), http("200 OK", body=b'{"symbols":[]}'), catalogue("QQQQQ-ZZZZZ")]
)
def test_without_a_name_that_is_alike_the_symbol_is_named_alone(
    asking: Asking, answer: bytes
) -> None:
    asking.server.rest[CATALOGUE] = answer
    asking.settled()
    assert asking.listings.complaint == "not listed by coinbase: FOO-USD"
    assert asking.known()["FOO-USD"] == UNLISTED


def test_what_is_known_outlives_reconnects_and_is_renewed_after_a_day(asking: Asking) -> None:
    asking.settled()
    asking.server.rest[path_of("BTC-USD")] = product("BTC-USD", "0.10")
    asking.server.rest[path_of("FOO-USD")] = product("FOO-USD")
    for since in (2, 3, 4):
        asking.connected_since = None
        asking.second(HOUR_US)
        asking.connected_since = since
        asking.settled()
    assert asking.asked() == list(SYMBOLS)
    assert asking.known()["FOO-USD"] == UNLISTED
    asking.second(RENEW_US)
    asking.settled()
    assert asking.known() == {
        "BTC-USD": (True, "0.1", "0.00000001"),
        "ETH-USD": LISTED,
        "FOO-USD": LISTED,
    }
    assert (asking.listings.complaint, asking.catalogues()) == (None, 1)


@pytest.mark.parametrize(
    "answer",
    [
        http("503 Service Unavailable"),
        http("403 Forbidden", body=b"<html>blocked</html>"),
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_an_exchange_that_cannot_be_asked_is_left_alone_for_minutes(
    asking: Asking, answer: bytes
) -> None:
    good = dict(asking.server.rest)
    asking.server.rest = dict.fromkeys(good, answer)
    asking.settled()
    assert asking.asked() == ["BTC-USD"]
    assert list(asking.known().values()) == [UNKNOWN] * 3
    assert asking.listings.complaint is None
    asking.server.rest = good
    asking.second(RETRY_US_MIN - 1)
    asking.settled()
    assert asking.asked() == ["BTC-USD"]
    asking.second(HOUR_US)
    asking.settled()
    assert asking.known() == {"BTC-USD": LISTED, "ETH-USD": LISTED, "FOO-USD": UNLISTED}


def test_a_server_that_is_not_there_is_a_failure_like_any(serve: Serve) -> None:
    asking = Asking(serve(), "http://127.0.0.1:1")
    asking.settled()
    assert list(asking.known().values()) == [UNKNOWN] * 3


def test_waits_grow_and_a_new_connection_shortens_them_to_a_minute(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.feed.listing.random.random", lambda: 0.9999)
    asking.server.rest = dict.fromkeys(asking.server.rest, http("500 Internal Server Error"))
    for count, minutes in enumerate((2, 4, 8, 16, 32, 60, 60), 1):
        asking.settled()
        assert len(asking.asked()) == count
        asking.second(int((minutes - 0.1) * 60e6))
        asking.settled()
        assert len(asking.asked()) == count
        asking.second(int(0.1 * 60e6))
    asking.settled()
    assert len(asking.asked()) == 8
    asking.connected_since = 2
    asking.second(RETRY_US_MIN - 1)
    asking.settled()
    assert len(asking.asked()) == 8
    asking.second(1)
    asking.settled()
    assert len(asking.asked()) == 9


@pytest.mark.parametrize("status", ["429 Too Many Requests", "418 I'm a teapot"])
def test_who_is_asked_to_stay_away_stays_away_whatever_connects(
    asking: Asking, status: str
) -> None:
    good = dict(asking.server.rest)
    asking.server.rest = dict.fromkeys(good, http(status, "Retry-After: 7200"))
    asking.settled()
    asking.server.rest = good
    for since in range(10, 21):
        asking.connected_since = since
        asking.second(HOUR_US // 6)
        asking.settled()
    assert asking.asked() == ["BTC-USD"]
    asking.connected_since = 30
    asking.second(HOUR_US // 6)
    asking.settled()
    assert asking.known()["BTC-USD"] == LISTED


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", body=b"{}"),
        http("200 OK", body=b"[" * 100_000),
        http("200 OK", body=b'{"id":"BTC-USD","quote_increment":{}}'),
        http("200 OK", body=b'{"id":"BTC-USD","quote_increment":"NaN"}'),
        http("200 OK", body=b'{"id":"' + b"x" * ANSWER_BYTES_MAX + b'"}'),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (ANSWER_BYTES_MAX + 1) + b"...",
        b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"id":"BTC-USD"',
    ],
    ids=range(7),
)
def test_one_answer_that_is_none_concerns_its_own_symbol_only(
    asking: Asking, answer: bytes
) -> None:
    asking.server.rest[path_of("BTC-USD")] = answer
    asking.settled()
    assert asking.known() == {"BTC-USD": UNKNOWN, "ETH-USD": LISTED, "FOO-USD": UNLISTED}
    asking.server.rest[path_of("BTC-USD")] = product("BTC-USD")
    asking.second(HOUR_US)
    asking.settled()
    assert asking.known()["BTC-USD"] == LISTED
    assert asking.asked() == [*SYMBOLS, "BTC-USD"]


def test_a_server_that_does_not_answer_is_given_up_while_the_loop_goes_on(asking: Asking) -> None:
    good = dict(asking.server.rest)
    asking.server.rest = dict.fromkeys(good, b"HTTP/1.1 200 OK\r\n...")
    asking.second()
    eventually(asking.asked, within=5)
    asking.second()  # comes back at once: the round goes on elsewhere
    assert not asking.at_rest()
    asking.second(STUCK_US + 1)
    assert asking.at_rest()
    asking.server.rest = good
    asking.second(HOUR_US)
    asking.settled()
    assert asking.known()["ETH-USD"] == LISTED


def test_an_answer_that_trickles_is_given_up(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "ANSWER_S_MAX", 0.0)
    asking.settled()
    assert list(asking.known().values()) == [UNKNOWN] * 3


class Told:
    """A feed on a server that lists BTC-USD and not ETH-USD, and has told it so."""

    def __init__(self, server: ExchangeServer, folder: Path) -> None:
        self.server = server
        server.rest = {path_of("BTC-USD"): product("BTC-USD"), path_of("ETH-USD"): NOT_FOUND}
        server.rest[CATALOGUE] = catalogue("BTC-USD", "ETC-USD")
        feeding, self.driving = Feeding(folder), Driving()
        self.health = feeding.health
        self.feed = feed = feeding.feed
        feed.connection = self.driving.connection = Connection(
            feeding.exchange, server.websocket_url, server.rest_url, feed.on_frame, Log("test")
        )
        symbols = ("BTC-USD", "ETH-USD")
        feed.listings = Listings(feeding.exchange, server.rest_url, symbols, Log("test"))
        self.driving.until(lambda: server.peers)
        server.peers[0].send(match(1))
        self.until(lambda: [one.nearest for one in self.symbols()] == [None, "ETC-USD"])

    def symbols(self) -> list[SymbolStatus]:
        return self.feed.status(self.driving.now()).symbols

    def second(self) -> None:
        """Let a second pass by, and tick."""
        self.driving.push(1)
        self.feed.on_tick(self.driving.now())

    def until(self, condition: Callable[[], bool]) -> None:
        """Drive the connection and tick until ``condition`` is true."""

        def ticked() -> bool:
            self.feed.on_tick(self.driving.now())
            return condition()

        self.driving.until(ticked)


@pytest.fixture
def told(serve: Serve, tmp_path: Path, hurried: None) -> Iterator[Told]:
    made = Told(serve(), tmp_path)
    yield made
    made.feed.on_drain(made.driving.now())


def test_the_feed_says_what_is_listed_beside_the_trades_it_takes(told: Told) -> None:
    bitcoin, ether = told.symbols()
    assert (bitcoin.state, bitcoin.listed, bitcoin.tick_size) == ("live", True, "0.01")
    assert (ether.state, ether.listed, ether.tick_size) == ("never received", False, None)
    assert ether.nearest == "ETC-USD"
    assert told.health.last_error == "not listed by coinbase: ETH-USD (ETC-USD?)"


def test_a_refusal_is_not_hidden_by_what_is_not_listed_and_a_flood_of_it_is_one_line(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Log, "warning", lambda _, event, **fields: said.append(event))
    for _ in range(3):
        told.feed.on_frame(b'{"type":"error","message":"slow down"}', told.driving.now())
        told.second()
        assert "slow down" in (told.health.last_error or "")
    assert said == ["feed.refused"]


def test_the_complaint_ends_when_the_symbol_is_listed(told: Told) -> None:
    told.server.rest[path_of("ETH-USD")] = product("ETH-USD")
    told.driving.push(RENEW_US / 1e6)
    told.until(lambda: told.symbols()[1].listed is True)
    told.second()
    assert told.health.last_error is None


def test_another_error_outlives_the_complaint(told: Told) -> None:
    told.second()
    told.health.last_error = "something else"
    told.server.rest[path_of("ETH-USD")] = product("ETH-USD")
    told.driving.push(RENEW_US / 1e6)
    told.until(lambda: told.symbols()[1].listed is True)
    told.second()
    assert told.health.last_error == "something else"

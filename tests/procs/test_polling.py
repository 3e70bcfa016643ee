"""An exchange that is polled, on a real server, with the clock moved by hand."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.actor import Instant
from bus.log import Log
from procs.feed.exchanges.coingecko import Exchange
from procs.feed.polling import ANSWER_BYTES_MAX, RETRY_CAP_S, Polling
from procs.feed.refusal import FORBIDDEN, FORBIDDEN_S, LIMITED_S
from procs.feed.rest import STUCK_US
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.feeding import Feeding, status
from tests.procs.fix_connection import Serve

EVERY_S = 10
SYMBOLS = ("BTC-USD", "ETH-USD")
PATH = Exchange(SYMBOLS).poll_url("/rest")


def coins(moment: str, btc: str = "61837.5", **more: object) -> bytes:
    """Return a good answer: bitcoin at some second of the minute, and ethereum without a price."""
    found = [
        {"id": "bitcoin", "current_price": float(btc), "last_updated": moment, **more},
        {"id": "ethereum", "current_price": None, "last_updated": None},
    ]
    return http("200 OK", body=json.dumps(found).encode())


FIRST, SECOND = "2024-08-08T23:54:10.000Z", "2024-08-08T23:54:20.500Z"


class Asking:
    """A feed that polls a server."""

    def __init__(self, server: ExchangeServer, folder: Path, rest_url: str | None = None) -> None:
        exchange = Exchange(SYMBOLS)
        exchange.configure({"interval_ms": str(EVERY_S * 1000), "api_key": "a-key"})
        self.server = server
        self.feeding = Feeding(folder, other=exchange)
        self.polling = Polling(
            exchange, rest_url or server.rest_url, self.feeding.feed.on_frame, Log("feed-test")
        )
        self.feeding.feed.connection = self.polling

    @property
    def now(self) -> Instant:
        return self.feeding.now

    def asks_after(self, seconds: float) -> bool:
        """Let time pass, tick, and take the answer; return whether it has asked."""
        self.feeding.pass_time(int(seconds * 1e6))
        self.polling.on_tick(self.now)
        call = self.polling._call
        if call is None:
            return False
        assert self.polling.circuit in ("half-open", "closed")
        assert call.done.wait(15)
        self.polling.on_tick(self.now)
        self.feeding.feed.on_wake(self.now)
        return True

    def tells(self, *answers: bytes) -> None:
        """Let the server give this answer from now on."""
        (self.server.rest[PATH],) = answers


Ask = Callable[..., Asking]


@pytest.fixture
def ask(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Return a function that starts one; the jitter is the longest there is."""
    monkeypatch.setattr("procs.feed.polling.random.random", lambda: 0.9999)
    made: list[Asking] = []

    def start(rest_url: str | None = None) -> Asking:
        made.append(Asking(serve(), tmp_path, rest_url))
        made[-1].tells(coins(FIRST))
        return made[-1]

    yield start
    for one in made:
        one.polling.close()
        one.feeding.close()


def test_it_asks_at_once_and_then_each_interval_and_a_newer_price_is_a_trade(ask: Ask) -> None:
    one = ask()
    assert (one.polling.state, one.polling.since) == ("connecting", 0)
    assert one.asks_after(0)
    assert (one.polling.state, one.polling.circuit) == ("connected", "closed")
    assert not one.asks_after(EVERY_S - 1)
    assert one.asks_after(1)
    one.tells(coins(SECOND, "61838.25"))
    assert one.asks_after(EVERY_S)
    assert one.asks_after(EVERY_S)
    assert [path for _, path in one.server.rest_asked] == [PATH] * 4
    assert one.feeding.ids() == [1_723_161_250_000_000, 1_723_161_260_500_000]
    assert (one.polling.reconnects, one.polling.attempt, one.polling.reason) == (0, 0, None)
    assert one.feeding.quarantined() == []


def test_with_nothing_to_ask_for_it_is_idle_and_goes_on_with_other_symbols(ask: Ask) -> None:
    one = ask()
    assert one.asks_after(0)
    one.polling.speak_for(None, one.now)
    assert (one.polling.state, one.polling.circuit) == ("idle", "open")
    assert not one.asks_after(10 * EVERY_S)
    other = Exchange(SYMBOLS[:1])
    path = other.poll_url("/rest")
    one.server.rest[path] = coins(SECOND)
    one.polling.speak_for(other, one.now)
    assert one.asks_after(0)
    assert one.polling.circuit == "closed"
    assert [asked for _, asked in one.server.rest_asked] == [PATH, path]
    assert path != PATH


def test_what_the_exchange_says_of_the_day_stands_in_the_status(ask: Ask) -> None:
    one = ask()
    one.tells(coins(FIRST, high_24h=62000.5, price_change_24h=-1.5e-07, total_volume=7555609615))
    one.asks_after(0)
    told = {symbol.symbol: symbol.day for symbol in status(one.feeding.tick()).symbols}
    assert told["ETH-USD"] is None
    day = told["BTC-USD"]
    assert day is not None
    assert (day.change, day.change_pct, day.high, day.low, day.turnover) == (
        *("-0.00000015", None, "62000.5", None),
        "7555609615",
    )


@pytest.mark.parametrize(
    ("answer", "wait_s", "reason"),
    [
        (http("429 Too Many Requests", "Retry-After: 120"), 120, "HTTP 429"),
        (http("429 Too Many Requests"), LIMITED_S, "HTTP 429"),
        (http("418 Teapot", "Retry-After: 3"), EVERY_S, "HTTP 418"),
        (http("451 Unavailable"), FORBIDDEN_S, FORBIDDEN[451]),
        (http("403 Forbidden"), FORBIDDEN_S, FORBIDDEN[403]),
        (http("503 Down", "Retry-After: 77"), 77, "HTTP 503"),
        (http("500 Oh"), EVERY_S, "HTTP 500"),
        (http("200 OK", body=b"<html>hello</html>"), EVERY_S, "nothing that was asked for"),
        (http("200 OK", body=b"[]"), EVERY_S, "nothing that was asked for"),
        (http("200 OK", body=b" " * (ANSWER_BYTES_MAX + 1)), EVERY_S, "more than"),
    ],
    ids=range(10),
)
def test_a_bad_answer_is_said_once_and_the_exchange_left_alone_for_as_long_as_it_wants(
    ask: Ask, caplog: pytest.LogCaptureFixture, answer: bytes, wait_s: float, reason: str
) -> None:
    one = ask()
    one.asks_after(0)
    since = one.polling.since
    one.tells(answer)
    assert one.asks_after(EVERY_S)
    assert (one.polling.state, one.polling.circuit) == ("reconnecting", "open")
    assert reason in (one.polling.reason or "")
    assert one.polling.since > since
    assert not one.asks_after(wait_s - 0.1)
    next_try = one.polling.next_try
    assert next_try is not None
    assert 0 < next_try - one.now.wall <= 100_000
    assert one.asks_after(0.2)
    assert len([each for each in caplog.records if each.levelno == logging.WARNING]) == 1
    one.tells(coins(SECOND))
    assert one.asks_after(2 * wait_s + 2 * EVERY_S)
    assert (one.polling.state, one.polling.reason, one.polling.next_try) == (
        "connected",
        None,
        None,
    )
    assert (one.polling.reconnects, one.polling.attempt) == (1, 0)


def test_failures_make_the_waits_grow_up_to_a_cap(ask: Ask) -> None:
    one = ask()
    one.tells(http("500 Oh"))
    one.asks_after(0)
    waits = []
    for _ in range(8):
        next_try = one.polling.next_try
        assert next_try is not None
        waits.append((next_try - one.now.wall) / 1e6)
        assert one.asks_after(waits[-1] + 0.001)
    assert waits[0] == EVERY_S
    assert waits == sorted(waits)
    assert RETRY_CAP_S * 0.99 < waits[-1] <= RETRY_CAP_S


def test_nobody_there_is_a_reason_like_any(ask: Ask) -> None:
    one = ask(rest_url="http://127.0.0.1:9/rest")
    assert one.asks_after(0)
    assert (one.polling.state, one.polling.reason) == ("reconnecting", "the connection was refused")
    assert one.polling.reconnects == 0


def test_an_answer_that_never_comes_is_abandoned_and_nobody_waits_for_it(ask: Ask) -> None:
    one = ask()
    one.tells(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n...")
    one.polling.on_tick(one.now)
    one.feeding.pass_time(STUCK_US)
    one.polling.on_tick(one.now)
    assert one.polling.state == "connecting"
    one.feeding.pass_time(1)
    one.polling.on_tick(one.now)
    assert (one.polling.state, one.polling.reason) == ("reconnecting", "there was no answer")


def test_the_key_goes_in_a_header_and_never_to_where_a_redirect_points(
    ask: Ask, serve: Serve
) -> None:
    one, other = ask(), serve()
    one.tells(http("302 Found", f"Location: {other.rest_url}/elsewhere"))
    assert one.asks_after(0)
    assert "HTTP 302" in (one.polling.reason or "")
    assert "x-cg-demo-api-key: a-key" in one.server.heads[0].lower()
    assert other.heads == []


def test_what_is_wrong_with_a_coin_is_quarantined_once_until_it_has_a_good_price(ask: Ask) -> None:
    one = ask()
    bitcoin = {"id": "bitcoin", "last_updated": FIRST}
    ethereum = {"id": "ethereum", "current_price": 5, "last_updated": SECOND}
    bad = [{**bitcoin, "current_price": 0}, ethereum]
    good = [{**bitcoin, "current_price": 7.5}]
    for found in (bad, bad, bad, good, good, bad, bad):
        one.tells(http("200 OK", body=json.dumps(found).encode()))
        assert one.asks_after(EVERY_S)
    assert [reason for _, reason in one.feeding.quarantined()] == ["zero: '0'"] * 2
    assert len(one.feeding.ids()) == 2
    assert one.polling.reconnects == 0

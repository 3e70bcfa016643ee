"""The backfiller's calls to a real HTTP server, good and bad, on a clock moved by hand."""

import json
import re
from collections.abc import Callable

import pytest

from bus.actor import Instant
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import GapsWanted, Recovered, Trade, Wanted, decode, encode
from procs.backfiller.asking import PAGE_BYTES_MAX, RETRY_CAP_S, Asking
from procs.backfiller.backfiller import Backfiller
from procs.backfiller.ban import BanFile
from procs.feed import exchanges, rest
from procs.feed.exchanges import Paged
from procs.feed.refusal import FORBIDDEN, FORBIDDEN_S, LIMITED_S
from procs.feed.rest import STUCK_US
from tests.eventually import eventually
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.fix_connection import Serve
from tests.procs.living import Clock

BTC, ETH = "BTC-USD", "ETH-USD"
PAGE = 10
NEWEST = 500
TICK_US = 100_000
ENDLESS = b"HTTP/1.1 200 OK\r\n..."
"""An answer that begins and never ends."""


def item(trade_id: int, price: str = "12.50") -> dict[str, object]:
    return {
        "time": "2026-08-25T03:35:57.198335Z",
        "trade_id": trade_id,
        "price": price,
        "size": "0.001",
        "side": "sell",
    }


def trade(trade_id: int, ts_recv: int = 0, series: int = 0) -> Trade:
    """Return what the server's trade of that id is."""
    return Trade(BTC, trade_id, 1787628957198335, ts_recv, "12.50", "0.001", "buy", series)


class Asked:
    """An exchange that has the trades up to NEWEST of each symbol, but ``gone``; and the asker."""

    def __init__(self, server: ExchangeServer, ban: BanFile | None = None) -> None:
        self.server = server
        self.clock = Clock()
        self.gone: set[int] = set()
        self.bad_prices: set[int] = set()
        self.instead: list[bytes] = []
        """Answers to be given before those."""
        server.rest_otherwise = self.answer
        exchange = exchanges.load("coinbase")((BTC, ETH))
        assert isinstance(exchange, Paged)
        self.health = Health("backfiller")
        asking = Asking(exchange, server.rest_url, self.health, Log("test"), ban)
        self.asking = asking
        self.actor = Backfiller({"coinbase": asking}, self.health)
        self.brought: list[Recovered] = []

    def answer(self, path: str) -> bytes:
        """Return the trades before the one that is asked for, the newest first, a few."""
        if self.instead:
            return self.instead.pop(0)
        found = re.fullmatch(r"/rest/products/[A-Z]+-USD/trades\?limit=1000&after=(\d+)", path)
        assert found is not None, path
        last = min(int(found[1]) - 1, NEWEST)
        had = [one for one in range(last, 0, -1) if one not in self.gone][:PAGE]
        items = [item(one, "-1" if one in self.bad_prices else "12.50") for one in had]
        return http("200 OK", body=json.dumps(items).encode())

    def want(self, *ranges: tuple[int, int], symbol: str = BTC, series: int = 0) -> None:
        """Hand over what a feed wants."""
        wanted = [Wanted(symbol, first, last, series) for first, last in ranges]
        message = encode(GapsWanted("coinbase", wanted))
        assert not self.actor.on_message("wanted", [message], self.clock.now)

    def tick(self, micros: int = TICK_US) -> None:
        """Let time pass and the actor look."""
        for send in self.actor.on_tick(self.clock.pass_time(micros)):
            assert (send.output, send.topic) == ("feed-coinbase", b"")
            message = decode(send.payload)
            assert isinstance(message, Recovered)
            self.brought.append(message)

    def call(self) -> None:
        """Begin a call, a microsecond from now, and take its answer."""
        before = self.calls
        self.tick(1)
        assert self.calls == before + 1
        call = self.asking._call
        assert call is not None
        assert call.done.wait(10)
        self.tick(0)

    def until(self, condition: Callable[[], object]) -> None:
        """Tick, waiting for each call, until something is so."""
        for _ in range(1000):
            if condition():
                return
            self.tick()
            call = self.asking._call
            assert call is None or call.done.wait(10)
        raise AssertionError("not after 1000 ticks")

    def at_rest(self) -> bool:
        return len(self.asking) == 0

    @property
    def calls(self) -> int:
        return self.health.counters["calls"]

    @property
    def ids(self) -> list[int]:
        """The ids of the trades that came, in their order."""
        return [one.trade_id for answer in self.brought for one in answer.trades]

    @property
    def absent(self) -> list[tuple[int, int]]:
        return [one for answer in self.brought for one in answer.absent]


@pytest.fixture
def asked(serve: Serve) -> Asked:
    return Asked(serve())


@pytest.fixture
def longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the jitter be the longest there is, so that a wait is known."""
    monkeypatch.setattr("procs.backfiller.asking.random.random", lambda: 0.9999)


def test_missing_trades_come_page_by_page_as_they_were(asked: Asked) -> None:
    asked.want((101, 125))
    asked.until(asked.at_rest)
    assert [len(answer.trades) for answer in asked.brought] == [10, 10, 5]
    assert sorted(asked.ids) == list(range(101, 126))
    assert asked.absent == []
    for answer in asked.brought:
        for one in answer.trades:
            assert one == trade(one.trade_id, one.ts_recv)
            assert abs(one.ts_recv - one.ts_event) < 1 << 60
            assert one.ts_recv > 0
    counters = asked.health.counters
    assert (counters["calls"], counters["trades"], counters["ranges"]) == (3, 25, 1)
    assert asked.health.state == "ready"
    for _ in range(10):
        asked.tick(60_000_000)
    assert asked.calls == 3


def test_what_the_exchange_has_not_is_said_once_all_else_has_come(asked: Asked) -> None:
    asked.gone = {*range(110, 115), 123}
    asked.want((101, 125))
    asked.until(asked.at_rest)
    assert sorted(asked.ids) == sorted(set(range(101, 126)) - asked.gone)
    assert [answer.absent for answer in asked.brought[:-1]] == [[]] * (len(asked.brought) - 1)
    assert asked.brought[-1].absent == [(110, 114), (123, 123)]


def test_an_id_that_jumped_costs_a_call_or_two(asked: Asked) -> None:
    asked.want((NEWEST + 1, NEWEST + 1_000_000_000))
    asked.until(asked.at_rest)
    assert (asked.ids, asked.absent) == ([], [(NEWEST + 1, NEWEST + 1_000_000_000)])
    assert asked.calls == 1


def test_an_empty_list_is_a_good_answer(asked: Asked) -> None:
    asked.instead = [http("200 OK", body=b"[]")]
    asked.want((101, 110))
    asked.until(asked.at_rest)
    assert asked.absent == [(101, 110)]


def test_a_trade_that_is_not_believed_comes_as_quarantined_and_is_missing_no_more(
    asked: Asked,
) -> None:
    asked.bad_prices = {105}
    asked.want((101, 110))
    asked.until(asked.at_rest)
    (answer,) = asked.brought
    assert [one.trade_id for one in answer.quarantined] == [105]
    assert len(answer.trades) == 9
    assert answer.absent == []


def test_a_series_goes_with_its_trades(asked: Asked) -> None:
    asked.bad_prices = {105}
    asked.want((101, 110), series=3)
    asked.until(asked.at_rest)
    (answer,) = asked.brought
    assert answer.series == 3
    assert {one.series for one in answer.trades} == {3}
    assert [one.series for one in answer.quarantined] == [3]


def test_calls_keep_to_the_polite_rate(asked: Asked) -> None:
    asked.want((1, 400))
    for _ in range(50):
        asked.tick(TICK_US)
        call = asked.asking._call
        assert call is None or call.done.wait(10)
    assert asked.calls == 25  # five a second


def test_one_call_is_under_way_at_a_time_and_the_loop_never_waits_for_it(asked: Asked) -> None:
    asked.instead = [ENDLESS]
    asked.want((101, 110))
    for _ in range(20):
        asked.tick(1_000_000)
    assert asked.calls == 1
    assert asked.brought == []


@pytest.mark.parametrize("status", ["429 Too Many Requests", "418 I'm a teapot"])
def test_nothing_is_asked_before_the_exchange_wants_to_be_asked_again(
    asked: Asked, status: str
) -> None:
    asked.instead = [http(status, "Retry-After: 12")]
    asked.want((101, 110))
    asked.call()
    assert asked.health.state == f"waiting: coinbase: HTTP {status[:3]}, again in 12 s"
    assert asked.health.queue == 1
    asked.want((50, 60), symbol=ETH)
    for _ in range(11):
        asked.tick(1_000_000)
    asked.tick(999_999)
    assert asked.calls == 1
    asked.call()
    assert asked.ids == list(range(101, 111))
    asked.until(asked.at_rest)
    assert asked.health.state == "ready"


def test_a_limit_without_a_word_on_when_to_come_back_is_a_wait_of_its_own(asked: Asked) -> None:
    asked.instead = [http("429 Too Many Requests")]
    asked.want((101, 110))
    asked.call()
    asked.tick(int(LIMITED_S * 1e6) - 1)
    assert asked.calls == 1
    asked.call()
    assert len(asked.ids) == 10


@pytest.mark.parametrize(
    "answer",
    [
        http("500 Internal Server Error"),
        http("503 Service Unavailable", body=b"[]"),
        http("200 OK", body=b"<html>502 Bad Gateway</html>"),
        http("200 OK", body=b""),
        http("200 OK", body=b"{}"),
        http("200 OK", body=json.dumps([item(101), {"price": "1"}]).encode()),
        http("200 OK", body=b"[" + b" " * PAGE_BYTES_MAX + b"]"),
        b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n[{"time":',
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
    ids=range(10),
)
@pytest.mark.usefixtures("longest_waits")
def test_a_failure_brings_nothing_settles_nothing_and_is_tried_again(
    asked: Asked, answer: bytes
) -> None:
    asked.instead = [answer] * 8
    asked.want((101, 110))
    for count, wait_s in enumerate((1, 2, 4, 8, 16, 32, RETRY_CAP_S, RETRY_CAP_S), 1):
        asked.call()
        assert asked.calls == asked.health.counters["refused"] == count
        assert asked.health.state.startswith("waiting: coinbase: ")
        asked.tick(int(wait_s * 0.9999 * 1e6) - 1)
        assert asked.calls == count
    assert asked.brought == []
    asked.until(asked.at_rest)
    assert len(asked.ids) == 10
    assert asked.absent == []


def test_the_wait_that_a_failing_exchange_asks_for_is_kept(asked: Asked) -> None:
    asked.instead = [http("503 Service Unavailable", "Retry-After: 90")]
    asked.want((101, 110))
    asked.call()
    asked.tick(89_999_999)
    assert asked.calls == 1
    asked.call()
    assert len(asked.ids) == 10


@pytest.mark.parametrize("status", ["451 Unavailable For Legal Reasons", "403 Forbidden"])
def test_an_exchange_that_forbids_is_left_alone_for_minutes_and_that_is_said_once(
    asked: Asked, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Log, "warning", lambda _, event, **fields: said.append(event))
    asked.instead = [http(status)] * 3
    asked.want((101, 110))
    for count in range(1, 4):
        asked.call()
        assert asked.calls == count
        asked.tick(int(FORBIDDEN_S * 1e6) - 1)
        assert asked.calls == count
    assert said == ["backfiller.refused"]
    assert asked.health.last_error == f"coinbase: {FORBIDDEN[int(status[:3])]}"
    asked.until(asked.at_rest)
    assert len(asked.ids) == 10


def test_a_wrong_question_is_not_asked_again_before_the_feed_asks(asked: Asked) -> None:
    asked.instead = [http("404 Not Found", body=b'{"message":"NotFound"}')]
    asked.want((101, 110), (201, 210))
    asked.call()
    assert asked.at_rest()
    for _ in range(10):
        asked.tick(60_000_000)
    assert (asked.calls, asked.brought) == (1, [])
    asked.want((101, 110))
    asked.until(asked.at_rest)
    assert len(asked.ids) == 10


def test_one_symbols_wrong_question_does_not_concern_the_others(asked: Asked) -> None:
    asked.instead = [http("400 Bad Request")]
    asked.want((101, 110))
    asked.want((101, 110), symbol=ETH)
    asked.until(asked.at_rest)
    assert [answer.symbol for answer in asked.brought] == [ETH]


@pytest.mark.alone
def test_a_call_that_is_stuck_is_given_up_and_its_answer_never_taken(asked: Asked) -> None:
    asked.instead = [ENDLESS]
    asked.want((101, 110))
    asked.tick()
    stuck = asked.asking._call
    assert stuck is not None
    eventually(lambda: not asked.instead)  # it is this call that is never answered
    asked.tick(STUCK_US + 1)
    assert asked.health.last_error == "coinbase: there was no answer"
    asked.until(asked.at_rest)
    assert len(asked.ids) == 10
    assert not stuck.done.is_set()


def test_an_answer_that_trickles_is_given_up(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "ANSWER_S_MAX", 0.0)
    asked.want((101, 110))
    asked.call()
    assert asked.brought == []
    assert asked.health.last_error == "coinbase: there was no answer"


def test_a_server_that_is_not_there_is_a_failure_like_any(serve: Serve) -> None:
    asked = Asked(serve())
    asked.asking._rest_url = "http://127.0.0.1:1"
    asked.want((101, 110))
    asked.call()
    assert asked.health.last_error == "coinbase: the connection was refused"
    assert asked.health.queue == 1


def test_wishes_to_an_exchange_that_cannot_be_asked_are_passed_over(asked: Asked) -> None:
    message = encode(GapsWanted("elsewhere", [Wanted(BTC, 1, 2)]))
    assert not asked.actor.on_message("wanted", [message], asked.clock.now)
    assert not asked.actor.on_message("wanted", [encode(asked.health.beat(7))], asked.clock.now)
    asked.tick(1_000_000)
    assert asked.calls == 0


def test_without_any_exchange_to_ask_it_is_idle() -> None:
    health = Health("backfiller")
    assert not Backfiller({}, health).on_tick(Instant(1, 1))
    assert health.state.startswith("idle: ")


def test_a_feed_that_asks_again_while_it_is_asked_costs_no_call(asked: Asked) -> None:
    asked.want((101, 130))
    asked.call()
    asked.want((101, 130))
    asked.want((101, 120))
    asked.until(asked.at_rest)
    assert asked.calls == 3
    assert sorted(asked.ids) == list(range(101, 131))
    assert eventually(lambda: len(asked.server.rest_asked)) == 3

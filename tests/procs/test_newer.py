"""Trades of the time in which nobody listened, of a symbol that is silent since.

By the feed alone; and by a feed, a backfiller and the simulated exchanges' REST interfaces.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.actor import Send
from bus.messages import GapsWanted, Recovered, Seen, SeenIds, Trade, Wanted, decode, encode
from procs.feed.exchanges.binance import Exchange
from procs.feed.newer import AHEAD_IDS, ASK_AGAIN_US, SILENT_US
from tests.procs.exchange_server import http
from tests.procs.feeding import START, SYMBOLS, Feeding, match
from tests.procs.fix_connection import Serve
from tests.procs.trading import Trading

SYMBOL, OTHER = SYMBOLS
MINUTE = 60_000_000
BEAT = b'{"type":"heartbeat","last_trade_id":%d,"product_id":"%s"}'
Live = Callable[[], Feeding]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """One life after the other of a feed that has had ten trades of a symbol."""
    made: list[Feeding] = []

    def begin() -> Feeding:
        if made:
            made[-1].close()
        made.append(Feeding(tmp_path))
        return made[-1]

    begin().take(*map(match, range(1, 11)))
    yield begin
    made[-1].close()


def asked(sends: list[Send]) -> list[Wanted]:
    messages = [decode(send.payload) for send in sends if send.output == "backfiller"]
    return [
        each for one in messages if isinstance(one, GapsWanted) for each in one.wanted if each.ahead
    ]


def during(one: Feeding, micros: int) -> list[Wanted]:
    """Return what is asked for in so long a time."""
    return [each for _ in range(micros // 200_000) for each in asked(one.tick(200_000))]


def bring(one: Feeding, *ids: int, absent: tuple[int, int] | None = None) -> None:
    trades = [
        Trade(SYMBOL, each, START + each * 1_000_000, START, "100.5", "0.5", "buy") for each in ids
    ]
    answer = Recovered("coinbase", SYMBOL, 0, trades, [], [absent] if absent else [])
    one.feed.on_message("recovered", [encode(answer)], one.now)


def ahead(first: int, newest_at: int | None = None) -> Wanted:
    return Wanted(SYMBOL, first, first + AHEAD_IDS - 1, 0, newest_at, ahead=True)


def test_after_each_connect_a_silent_symbol_is_asked_for_once(live: Live) -> None:
    again = live()
    assert during(again, MINUTE) == []  # nobody could have told it anything yet
    again.connect()
    assert during(again, SILENT_US) == []
    assert during(again, 400_000) == [ahead(11)]
    bring(again, absent=(11, 11 + AHEAD_IDS - 1))
    assert during(again, 10 * MINUTE) == []
    again.connect()
    assert during(again, MINUTE)[:1] == [ahead(11)]


def test_what_has_come_is_committed_and_the_exchange_asked_for_what_comes_after_it(
    live: Live,
) -> None:
    again = live()
    again.connect()
    during(again, SILENT_US + 400_000)
    bring(again, *range(11, 16), absent=(16, 11 + AHEAD_IDS - 1))
    assert again.ids() == [*range(1, 16)]
    assert during(again, 400_000) == [ahead(16, START + 15_000_000)]
    bring(again, absent=(16, 16 + AHEAD_IDS - 1))
    assert during(again, 10 * MINUTE) == []
    assert again.health.counters["gaps_opened"] == 0


@pytest.mark.parametrize("frame", [BEAT % (10, b"BTC-USD"), match(10), match(11), match(14)])
def test_where_the_stream_tells_the_newest_id_nobody_asks(live: Live, frame: bytes) -> None:
    again = live()
    again.connect()
    again.tick()
    again.take(frame)
    assert during(again, 10 * MINUTE) == []


def test_a_newest_id_far_ahead_is_come_to_step_by_step(live: Live) -> None:
    again = live()
    again.connect()
    again.tick()
    far = 20_000
    again.take(match(far, ts=START + 11_000_000), BEAT % (far, b"BTC-USD"))
    assert during(again, SILENT_US + 400_000) == [ahead(11)]


def test_an_answer_that_does_not_come_is_asked_for_again_ever_more_seldom(live: Live) -> None:
    again = live()
    again.connect()
    during(again, SILENT_US + 400_000)
    assert during(again, ASK_AGAIN_US - 400_000) == []
    assert len(during(again, 60 * MINUTE)) in range(10, 20)


def test_what_only_postgres_knows_of_is_asked_for_too(tmp_path: Path) -> None:
    one = Feeding(tmp_path)
    one.connect()
    assert during(one, MINUTE) == []
    seen = Seen("coinbase", 1, 1, [SeenIds(SYMBOL, 0, [(1, 10)], START)])
    one.feed.on_message("stored", [b"ids.coinbase.", encode(seen)], one.now)
    assert during(one, 400_000) == [ahead(11, START)]
    one.close()


def test_symbols_take_turns_whether_there_are_answers_or_not(live: Live) -> None:
    live().take(match(5, symbol=OTHER))
    again = live()
    again.connect()
    turns = [each.symbol for each in during(again, SILENT_US + 4 * ASK_AGAIN_US)]
    assert turns == [SYMBOL, OTHER, SYMBOL, OTHER]


@pytest.fixture
def binance(serve: Serve, tmp_path: Path) -> Iterator[Trading]:
    one = Trading(tmp_path, serve(), "binance", per_s=10, before_s=60)
    one.begin(*[one.frame(symbol, one.newest(symbol)) for symbol in SYMBOLS])
    assert isinstance(one.feeding.feed._exchange, Exchange)  # it tells no newest id
    yield one
    one.feeding.close()


def whole(one: Trading) -> bool:
    """Return whether all that was executed is in the journal."""
    return all(
        one.told(symbol) == one.truth(symbol, one.told(symbol)[0][0], one.newest(symbol))
        for symbol in SYMBOLS
    )


def test_what_was_executed_while_nobody_listened_comes_though_no_trade_follows(
    binance: Trading,
) -> None:
    binance.tick(250 * 1_000_000)  # nobody hears of 2,500 trades
    assert not whole(binance)
    before = binance.calls
    binance.stop()
    binance.feeding.connect()
    for _ in range(200):
        binance.tick()
    assert whole(binance)
    assert binance.calls - before == len(SYMBOLS) * 4  # three with trades, one with none
    assert binance.gaps == (0, 0)
    for _ in range(3000):
        binance.tick()
    assert binance.calls - before == len(SYMBOLS) * 4


def test_while_rest_is_away_it_is_asked_with_its_usual_pauses(binance: Trading) -> None:
    binance.tick(250 * 1_000_000)
    binance.stop()
    answer, binance.server.rest_otherwise = (
        binance.server.rest_otherwise,
        lambda path: http("503 Service Unavailable"),
    )
    before = binance.calls
    binance.feeding.connect()
    for _ in range(6000):
        binance.tick()
    assert 5 < binance.calls - before < 30
    binance.server.rest_otherwise = answer
    for _ in range(2000):
        binance.tick()
    assert whole(binance)

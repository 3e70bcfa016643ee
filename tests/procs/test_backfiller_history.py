"""The exchanges' own candles by way of the backfiller: after the trades, at the same pace."""

import json
import re

import pytest

from bus.messages import (
    GapsWanted,
    History,
    HistoryCandle,
    HistoryWanted,
    Recovered,
    Wanted,
    decode,
    encode,
)
from procs.feed.exchanges import coinbase
from tests.procs.exchange_server import http
from tests.procs.fix_connection import Serve
from tests.procs.test_backfiller import BTC, ETH, NEWEST, TICK_US, Asked

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
START = 1_787_616_000_000_000
PER_PAGE = coinbase.Exchange.candles_per_page


def candle(ts_open: int) -> HistoryCandle:
    """Return what the server's candle of that time is."""
    return HistoryCandle(ts_open, "12", "13", "11.5", "12.5", "0.25")


class Charted(Asked):
    """An exchange that has candles as well as trades; and the asker."""

    def __init__(self, *given: object) -> None:
        self.paths: list[str] = []
        self.history: list[History] = []
        super().__init__(*given)  # type: ignore[arg-type]

    def answer(self, path: str) -> bytes:
        self.paths.append(path)
        if self.instead or "/candles?" not in path:
            return super().answer(path)
        given = re.fullmatch(r".*granularity=60&start=.*T(\d\d):(\d\d):00Z&end=.*", path)
        first = START + (int(given[1]) * HOUR + int(given[2]) * MINUTE if given else 0)
        rows = [[(first + at * MINUTE) // 1_000_000, 11.5, 13, 12, 12.5, 0.25] for at in (2, 1, -1)]
        return http("200 OK", body=json.dumps(rows).encode())

    def want_candles(
        self, interval_s: int = 60, symbol: str = BTC, start: int = START, count: int = 10
    ) -> HistoryWanted:
        """Hand over what the persister wants."""
        end = start + count * interval_s * 1_000_000
        wanted = HistoryWanted("coinbase", symbol, interval_s, start, end)
        assert not self.actor.on_message("wanted", [encode(wanted)], self.clock.now)
        return wanted

    def tick(self, micros: int = TICK_US) -> None:
        for send in self.actor.on_tick(self.clock.pass_time(micros)):
            message = decode(send.payload)
            if isinstance(message, History):
                assert (send.output, send.topic) == ("persister", b"")
                self.history.append(message)
            else:
                assert isinstance(message, Recovered)
                assert send.output == "feed-coinbase"
                self.brought.append(message)


@pytest.fixture
def charted(serve: Serve) -> Charted:
    return Charted(serve())


def test_candles_that_are_wanted_come_and_no_others(charted: Charted) -> None:
    wanted = charted.want_candles()
    charted.until(charted.at_rest)
    expected = [candle(START + MINUTE), candle(START + 2 * MINUTE)]
    assert charted.history == [History("coinbase", BTC, 60, START, wanted.end, expected)]
    assert charted.health.counters["candles"] == 2


def test_missing_trades_are_had_before_candles_and_minutes_before_days(charted: Charted) -> None:
    charted.want_candles(86400)
    charted.want_candles(3600)
    charted.want_candles(60, ETH)
    charted.want((401, 420))
    charted.until(charted.at_rest)
    kinds = [re.search(r"trades|granularity=\d+", path) for path in charted.paths]
    assert [kind[0] for kind in kinds if kind] == [
        *("trades", "trades", "granularity=60", "granularity=3600", "granularity=86400")
    ]
    assert len(charted.ids) == 20


def test_candles_share_the_rate_of_the_trades(charted: Charted) -> None:
    for at in range(10):
        charted.want_candles(start=START + at * HOUR)
    began = charted.clock.now.mono
    charted.until(charted.at_rest)
    assert len(charted.history) == 10
    assert charted.clock.now.mono - began >= 9 * 1_000_000 / coinbase.Exchange.rest_per_s


def test_of_a_long_range_the_newest_page_is_brought_and_said_to_be_it(charted: Charted) -> None:
    wanted = charted.want_candles(count=PER_PAGE + 100)
    charted.until(charted.at_rest)
    (found,) = charted.history
    assert (found.start, found.end) == (START + 100 * MINUTE, wanted.end)
    assert len(charted.paths) == 1


def test_what_is_wanted_twice_is_asked_once_and_what_is_no_range_never(charted: Charted) -> None:
    charted.want_candles()
    charted.want_candles()
    charted.want_candles(count=0)
    charted.want_candles(start=START + 1)
    charted.until(charted.at_rest)
    assert len(charted.paths) == 1


@pytest.mark.parametrize("status", ["404 Not Found", "400 Bad Request"])
def test_a_question_that_is_refused_is_not_asked_again_by_itself(
    charted: Charted, status: str
) -> None:
    charted.instead = [http(status)]
    charted.want_candles()
    charted.want_candles(3600)
    charted.until(charted.at_rest)
    assert len(charted.paths) == 2
    assert [answer.interval_s for answer in charted.history] == [3600]
    charted.want_candles()
    charted.until(charted.at_rest)
    assert [answer.interval_s for answer in charted.history] == [3600, 60]


def test_what_is_no_list_of_candles_brings_nothing_and_settles_nothing(charted: Charted) -> None:
    charted.instead = [http("200 OK", body=b'{"message":"maintenance"}')]
    charted.want_candles()
    charted.until(charted.at_rest)
    assert charted.history == []
    charted.want_candles()
    charted.until(charted.at_rest)
    assert len(charted.history) == 1


def test_a_server_that_fails_is_asked_again_when_it_is_wanted_again(charted: Charted) -> None:
    charted.instead = [http("503 Service Unavailable")]
    charted.want_candles()
    charted.until(charted.at_rest)
    assert (len(charted.paths), len(charted.history)) == (1, 0)
    charted.want_candles()
    charted.until(charted.at_rest)
    assert (len(charted.paths), len(charted.history)) == (2, 1)


def test_trades_from_before_a_symbols_first_wait_for_the_candles(charted: Charted) -> None:
    earlier = Wanted(BTC, 0, NEWEST, until=1)
    message = encode(GapsWanted("coinbase", [earlier]))
    charted.actor.on_message("wanted", [message], charted.clock.now)
    charted.want_candles(60)
    charted.want_candles(3600)
    charted.until(lambda: len(charted.paths) == 4)
    assert ["trades" in path for path in charted.paths] == [False, False, True, True]
    charted.want_candles(60)
    charted.want((401, 405), symbol=ETH)
    charted.paths.clear()
    charted.until(lambda: len(charted.history) == 3)
    assert any("ETH-USD/trades" in path for path in charted.paths[:-1])

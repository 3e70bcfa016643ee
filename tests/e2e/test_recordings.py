"""Recordings, played through the whole pipeline into fresh databases, equal to the last digit.

What is expected is read from the files themselves, or from candles that the exchange published.
"""

import csv
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.messages import Trade
from procs.feed.exchanges import load
from tests.e2e.exactness import (
    Ids,
    assert_exact,
    assert_same,
    average_of,
    recomputed,
    stored_candles,
    stored_trades,
)
from tests.e2e.fix_stack import Stacks
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.exchanges import samples
from tests.fix_recordings import frames, own, recorded

pytestmark = pytest.mark.e2e

OURS = tuple(f"{one}.txt.zst" for one in own() if load(one.exchange).ids == "consecutive")
"""Those whose trades can be told apart by what is in the frame."""
SPOT = ("binance/spot_btcusdt_20240808.txt.zst", "binance/spot_btcusdt_20240809.txt.zst")
FUTURES = "binance/usdm_btcusdt_20240808.txt.zst"
KLINES = "binance/usdm_btcusdt_klines_1m_20240808.csv"
SYMBOL = "BTC-USDT"
HOUR_S = 3600
PLAYED_WITHIN_S = 90


class Day(NamedTuple):
    """Recordings that are being played, and the trades in their files, by exchange."""

    stack: Stack
    trades: dict[str, Ids]

    @property
    def total(self) -> int:
        """How many trades there are."""
        return sum(map(len, self.trades.values()))

    def wait(self) -> None:
        """Wait until as many trades are stored."""
        self.stack.wait_open()
        eventually(lambda: self.stack.stored() >= self.total, within=PLAYED_WITHIN_S)


def trades_in(paths: list[Path]) -> dict[str, Ids]:
    """Return the trades of recordings, read with Python's own JSON and nothing of tickwire."""
    found: dict[str, Ids] = {}
    for path in paths:
        exchange = path.parent.name
        for ts_recv, frame in frames(path):
            for one in samples.trades_in(samples.sample(exchange), frame):
                symbol, trade_id, ts_event, price, size, side = one
                trade = Trade(symbol, trade_id, ts_event, ts_recv, price, size, side)
                found.setdefault(exchange, {}).setdefault((symbol, trade_id), trade)
    return found


def played(stacks: Stacks, *names: str) -> Day:
    """Start playing recordings at full speed."""
    paths = recorded(*names)
    trades = trades_in(paths)
    feeds = {name: dict.fromkeys(symbol for symbol, _ in ids) for name, ids in trades.items()}
    stack = stacks(
        FEEDS=";".join(f"{name}:{','.join(symbols)}" for name, symbols in feeds.items()),
        RECORDING=",".join(map(str, paths)),
        SPEED="max",
    )
    return Day(stack.start(wait=False), trades)


@pytest.fixture(scope="module")
def ours(stacks: Stacks) -> Day:
    """All our own recordings with ids, played at once: some seconds around full hours."""
    day = played(stacks, *OURS)
    day.wait()
    return day


@pytest.fixture(scope="module")
def real(stacks: Stacks) -> tuple[Day, Day]:
    """Two installations side by side: the spot market over midnight, and the futures."""
    recorded(*SPOT, FUTURES)
    spot, futures = played(stacks, *SPOT), played(stacks, FUTURES)
    for day in (spot, futures):
        day.wait()
    return spot, futures


@pytest.fixture(params=["ours", "spot", "futures"])
def day(request: pytest.FixtureRequest) -> Day:
    """Each of them; a real one is skipped where its files are missing."""
    if request.param == "ours":
        found: Day = request.getfixturevalue("ours")
        return found
    spot, futures = request.getfixturevalue("real")
    chosen: Day = spot if request.param == "spot" else futures
    return chosen


def test_every_recorded_trade_is_stored_as_the_exchange_sent_it(day: Day) -> None:
    assert day.total > 1000
    for exchange, expected in day.trades.items():
        rows = stored_trades(day.stack, exchange)
        assert_same("trades", _as_sent(rows), _as_sent(expected))
    assert day.stack.stored() == day.total


def _as_sent(trades: Ids) -> dict[object, object]:
    """Return all that does not depend on when it was received here."""
    return {
        key: (one.ts_event, one.price, one.size, one.side, one.series)
        for key, one in trades.items()
    }


def test_each_minute_hour_and_day_is_what_the_file_says(day: Day) -> None:
    assert_same("candles", stored_candles(day.stack), recomputed(day.trades))


def test_the_averages_of_both_hours_are_exact(day: Day) -> None:
    expected = {
        (exchange, symbol.replace("-", ""), ts_open): (average_of(candle), candle.n)
        for (exchange, symbol, interval_s, ts_open), candle in recomputed(day.trades).items()
        if interval_s == HOUR_S
    }
    rows = day.stack.rows(
        "SELECT exchange, pair, (extract(epoch FROM hour_start_utc) * 1000000)::bigint,"
        " avg_price, tick_count FROM hourly_averages"
    )
    assert_same("averages", {row[:3]: row[3:] for row in rows}, expected)


def test_an_installation_agrees_with_itself_at_rest(day: Day) -> None:
    expected: dict[tuple[str, str], int] = {}
    for exchange, ids in day.trades.items():
        for symbol, _ in ids:
            expected[exchange, symbol] = expected.get((exchange, symbol), 0) + 1
    assert assert_exact(day.stack) == expected


def opens(names: Iterable[str]) -> Counter[int]:
    """Return in how many intervals of each length, s, the trades of recordings lie."""
    trades = trades_in(recorded(*names))
    return Counter(interval_s for interval_s, _ in {key[2:] for key in recomputed(trades)})


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_own_recordings_crosses_an_hour(name: str) -> None:
    assert opens([name]) == {60: 2, HOUR_S: 2, 86_400: 1}


def test_the_real_spot_market_crosses_midnight() -> None:
    assert opens(SPOT) == {60: 12, HOUR_S: 2, 86_400: 2}
    assert len(trades_in(recorded(*SPOT))["binance"]) == 19_904


def test_five_minutes_equal_the_candles_that_the_exchange_published(
    real: tuple[Day, Day],
) -> None:
    _, futures = real
    (path,) = recorded(KLINES)
    with path.open(newline="") as file:
        published = {
            int(row["open_time"]) * 1000: (
                *(Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")),
                Decimal(row["quote_volume"]),
                int(row["count"]),
            )
            for row in csv.DictReader(file)
        }
    assert len(published) == 5
    stored = {
        ts_open: (one.open, one.high, one.low, one.close, one.volume, one.sum_pq, one.n)
        for (_, _, interval_s, ts_open), one in stored_candles(futures.stack).items()
        if interval_s == 60 and ts_open in published
    }
    assert_same("published candles", stored, published)

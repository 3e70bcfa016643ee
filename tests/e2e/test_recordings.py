"""Real days, played through the whole pipeline into fresh databases, equal to the last digit.

What is expected is read from the files themselves, or from candles that the exchange published.
"""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bus.messages import Trade
from tests.e2e.exactness import (
    assert_exact,
    assert_same,
    average_of,
    stored_candles,
    stored_trades,
)
from tests.e2e.fix_stack import Stacks, required
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.fix_recordings import frames
from tests.store.folding import grouped, opening

pytestmark = pytest.mark.e2e

SPOT = ("binance/spot_btcusdt_20240808.txt.zst", "binance/spot_btcusdt_20240809.txt.zst")
FUTURES = "binance/usdm_btcusdt_20240808.txt.zst"
KLINES = "binance/usdm_btcusdt_klines_1m_20240808.csv"
SYMBOL = "BTC-USDT"
PLAYED_WITHIN_S = 90


class Day(NamedTuple):
    """Recordings that are being played, and the trades in their files."""

    stack: Stack
    trades: list[Trade]

    def wait(self) -> None:
        """Wait until as many trades are stored."""
        self.stack.wait_open()
        eventually(lambda: self.stack.stored() >= len(self.trades), within=PLAYED_WITHIN_S)


def trades_in(*paths: Path) -> list[Trade]:
    """Return the trades of recordings, read with Python's own JSON and nothing of tickwire."""
    found = []
    for path in paths:
        for ts_recv, frame in frames(path):
            data = json.loads(frame).get("data", {})
            if data.get("e") == "trade" and data.get("X", "MARKET") == "MARKET":
                found.append(
                    Trade(
                        SYMBOL,
                        data["t"],
                        data["T"] * 1000,
                        ts_recv,
                        data["p"],
                        data["q"],
                        "sell" if data["m"] else "buy",
                    )
                )
    return found


def played(stacks: Stacks, *names: str) -> Day:
    """Start playing recordings at full speed."""
    stack = stacks(FEEDS=f"binance:{SYMBOL}", RECORDING=",".join(names), SPEED="max")
    folder = required(stack.settings, *names)
    return Day(stack.start(wait=False), trades_in(*(folder / name for name in names)))


@pytest.fixture(scope="module")
def days(stacks: Stacks) -> tuple[Day, Day]:
    """Two installations side by side: the spot market over midnight, and the futures."""
    spot, futures = played(stacks, *SPOT), played(stacks, FUTURES)
    for day in (spot, futures):
        day.wait()
    return spot, futures


def test_every_recorded_trade_is_stored_as_the_exchange_sent_it(days: tuple[Day, Day]) -> None:
    assert len(days[0].trades) == 19_904
    for stack, trades in days:
        rows = stored_trades(stack, "binance").values()
        found = {
            row.trade_id: (row.ts_event, row.price, row.size, row.side, row.symbol) for row in rows
        }
        expected = {
            one.trade_id: (one.ts_event, one.price, one.size, one.side, one.symbol)
            for one in trades
        }
        assert_same("trades", found, expected)
        assert len(expected) == len(trades) == len(rows)


def test_each_minute_hour_and_day_over_midnight_is_what_the_file_says(
    days: tuple[Day, Day],
) -> None:
    spot, _ = days
    expected = {
        ("binance", SYMBOL, interval_s, ts_open): candle
        for interval_s in (60, 3600, 86400)
        for ts_open, candle in grouped(spot.trades, opening(interval_s)).items()
    }
    counts = [sum(key[2] == interval_s for key in expected) for interval_s in (60, 3600, 86400)]
    assert counts == [12, 2, 2]
    assert_same("candles", stored_candles(spot.stack), expected)


def test_the_averages_of_both_hours_are_exact(days: tuple[Day, Day]) -> None:
    spot, _ = days
    hours = grouped(spot.trades, opening(3600))
    rows = spot.stack.rows(
        "SELECT (extract(epoch FROM hour_start_utc) * 1000000)::bigint, avg_price, tick_count"
        " FROM hourly_averages ORDER BY 1"
    )
    assert rows == [(ts, average_of(candle), candle.n) for ts, candle in hours.items()]
    assert len(rows) == 2


def test_five_minutes_equal_the_candles_that_the_exchange_published(
    days: tuple[Day, Day],
) -> None:
    _, futures = days
    path = required(futures.stack.settings, KLINES) / KLINES
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


def test_both_installations_agree_with_themselves_at_rest(days: tuple[Day, Day]) -> None:
    for stack, trades in days:
        compared = assert_exact(stack)
        assert compared == {("binance", SYMBOL): len(trades)}

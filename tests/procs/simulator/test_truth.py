"""The invented trades: a pure function of seed, symbol and number."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.simulator.exchanges import exchanges
from procs.simulator.listing import Listing
from procs.simulator.truth import Truth

T0 = 1_700_000_000_000_000
DAY = 86_400_000_000


def listing(name: str) -> Listing:
    exchange, _, symbol = name.partition(":")
    return exchanges()[exchange].listing(symbol)


def test_the_same_seed_gives_the_same_trades_and_another_seed_others() -> None:
    one, same, other = (Truth(seed, listing("binance:BTC-USDT")) for seed in (1, 1, 2))
    drawn = [one.draw(i, T0 + i) for i in range(1, 200)]
    assert drawn == [same.draw(i, T0 + i) for i in range(1, 200)]
    assert drawn != [other.draw(i, T0 + i) for i in range(1, 200)]


def test_a_trade_does_not_change_with_the_release() -> None:
    """Trades of a demo's database must be those that the simulator still tells of."""
    truth = Truth(1, listing("coinbase:ETH-USD"))
    texts = []
    for trade_id in (1, 2, 1_000_000_007):
        price, size, buys, _ = truth.draw(trade_id, T0 + trade_id)
        texts.append((truth.listing.price_text(price), truth.listing.size_text(size), buys))
    assert texts == [
        ("2744.93", "0.05619444", True),
        ("2744.93", "0.69453799", True),
        ("2750.61", "0.00226252", True),
    ]


@given(st.integers(1, 1 << 50), st.integers(T0, T0 + 10_000 * DAY))
def test_every_trade_has_a_positive_price_and_size_within_bounds(trade_id: int, ts: int) -> None:
    for name in ("binance:SHIB-USDT", "binance:ETH-BTC", "coinbase:BTC-USD", "coinbase:AAPL-USD"):
        truth = Truth(3, listing(name))
        price, size, _, bits = truth.draw(trade_id, ts)
        assert 0 < price < 10**12 * truth.listing.price_unit
        assert 0 < size < 10**12 * truth.listing.size_unit
        assert 0 <= bits < 1 << 64


@pytest.mark.alone
def test_any_trade_is_reached_as_fast_as_the_first() -> None:
    draw = Truth(1, listing("binance:BTC-USDT")).draw

    def fastest_us(first: int) -> float:
        found = []
        for _ in range(5):
            start = time.perf_counter()
            for i in range(first, first + 2000):
                draw(i, T0 + i)
            found.append((time.perf_counter() - start) / 2000 * 1e6)
        return min(found)

    near, far = fastest_us(1), fastest_us(1 << 45)
    assert far < near * 3
    assert near < 20, "under 2 µs on an idle machine"


def test_one_asset_costs_about_the_same_everywhere() -> None:
    here, there = Truth(1, listing("coinbase:BTC-USD")), Truth(1, listing("binance:BTC-USDT"))
    for hour in range(100):
        ts = T0 + hour * 3_600_000_000
        ours, theirs = (
            here.mid(ts) / here.listing.price_unit,
            there.mid(ts) / there.listing.price_unit,
        )
        assert abs(ours / theirs - 1) < 1e-6


def test_the_price_moves_without_jumps_and_does_move() -> None:
    truth = Truth(5, listing("coinbase:SOL-USD"))
    minutes = [truth.mid(T0 + i * 60_000_000) for i in range(1440)]
    assert max(abs(b / a - 1) for a, b in pairwise(minutes)) < 0.002
    assert max(minutes) / min(minutes) > 1.01


def test_candles_lie_on_the_path_and_hours_hold_their_minutes() -> None:
    truth = Truth(5, listing("binance:ETH-USDT"), trades_per_s=10)
    start = T0 // 3_600_000_000 * 3_600_000_000
    (hour,) = truth.bars(3600, start, start + 1)
    minutes = list(truth.bars(60, start, start + 3_600_000_000))
    assert len(minutes) == 60
    assert (hour.open, hour.close) == (minutes[0].open, minutes[-1].close)
    assert (hour.high, hour.low) == (max(m.high for m in minutes), min(m.low for m in minutes))
    assert (hour.volume, hour.n) == (sum(m.volume for m in minutes), 36_000)
    for minute in minutes:
        assert minute.open == truth.mid(minute.ts_open)
        assert minute.low < min(minute.open, minute.close)
        assert minute.high > max(minute.open, minute.close)


def test_a_range_of_candles_is_half_open_and_aligned() -> None:
    truth = Truth(5, listing("binance:ETH-USDT"))
    found = list(truth.bars(86_400, T0, T0 + 3 * DAY))
    assert [bar.ts_open % DAY for bar in found] == [0, 0, 0]
    assert found[0].ts_open >= T0
    assert found[-1].ts_open < T0 + 3 * DAY

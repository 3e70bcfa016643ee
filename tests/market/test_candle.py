"""The laws of the candle: a commutative monoid, and equal to the plainest recomputation."""

from decimal import Decimal, Inexact
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import Candle, Trade
from market import candle
from market.candle import EMPTY, Key, add, fold, merge, of
from market.intervals import STORED
from tests.market.folding import trades
from tests.store import folding
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")


def recomputed(made: list[Trade]) -> dict[Key, Candle]:
    found: dict[Key, Candle] = {}
    for symbol in {trade.symbol for trade in made}:
        mine = [trade for trade in made if trade.symbol == symbol]
        for interval_s in STORED:
            for ts_open, one in folding.grouped(mine, folding.opening(interval_s)).items():
                found[symbol, interval_s, ts_open] = one
    return found


@given(trades(), st.integers(0, 25), st.integers(0, 25))
def test_adding_is_associative_and_commutative_with_an_identity(
    made: list[Trade], i: int, j: int
) -> None:
    one = [trade for trade in made if trade.symbol == "A-USD"]
    i, j = sorted((i, j))
    a, b, c = of(one[:i]), of(one[i:j]), of(one[j:])
    assert add(add(a, b), c) == add(a, add(b, c)) == of(one)
    assert add(a, b) == add(b, a)
    assert add(a, EMPTY) == add(EMPTY, a) == a


@settings(max_examples=60)
@given(trades(), st.randoms(use_true_random=False), st.integers(1, 6))
def test_the_fold_of_any_split_in_any_order_is_the_fold_of_all(
    made: list[Trade], chance: Random, parts: int
) -> None:
    split: list[list[Trade]] = [[] for _ in range(parts)]
    shuffled = list(made)
    chance.shuffle(shuffled)
    for trade in shuffled:
        chance.choice(split).append(trade)
    total: dict[Key, Candle] = {}
    for part in split:
        merge(total, fold(part))
    assert total == fold(made) == recomputed(made)


def test_a_fold_of_many_trades_equals_the_recomputation() -> None:
    made = random_trades(3, 3000, 3)
    assert fold(made) == recomputed(made)


def test_a_sum_that_would_lose_a_digit_is_an_error() -> None:
    one = of([Trade("A-USD", 1, START, START, "1", "1", "buy")])
    huge = msgspec.structs.replace(one, volume=Decimal("1e95"))
    tiny = msgspec.structs.replace(one, volume=Decimal("1e-18"))
    with pytest.raises(Inexact):
        add(huge, tiny)


def test_the_largest_allowed_numbers_still_fold_exactly() -> None:
    most = "9" * 12 + "." + "9" * 18
    made = [Trade("A-USD", i, START, START, most, most, "buy") for i in range(1000)]
    assert fold(made) == recomputed(made)


def test_a_published_candle_comes_back_as_it_was() -> None:
    made = random_trades(4, 50, 1)
    for key, one in fold(made).items():
        message = candle.update("binance", key, one, closed=True)
        assert candle.from_update(message) == one
        assert message.revision == message.n == one.n
        for text in (message.open, message.high, message.volume, message.sum_pq):
            assert "E" not in text


def test_a_candle_without_sizes_has_no_vwap_but_an_average() -> None:
    made = [Trade("A-USD", i, START, START, price, None, None) for i, price in enumerate("127")]
    one = of(made)
    assert candle.vwap(one) is None
    assert candle.average(one) == Decimal("3.333333333333")
    message = candle.update("coingecko", ("A-USD", 60, START), one, closed=False)
    assert (message.vwap, message.volume) == (None, "0")


def test_the_hour_average_is_that_of_its_trades() -> None:
    made = random_trades(5, 40, 1)
    one = of(made)
    average = candle.hour_average("binance", "ETH-USDT", START, one, 7, partial=True)
    wanted = sum(Decimal(trade.price) for trade in made)
    assert abs(Decimal(average.avg) * 40 - wanted) < Decimal("1e-10")
    assert (average.count, average.partial, average.last_ts) == (40, True, 7)

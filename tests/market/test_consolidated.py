"""The consolidated price: what each rule does, and laws over any markets."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bus.messages import Consolidated
from market.consolidated import BEHIND_US, Market, consolidate, typical
from market.decimals import check

pytestmark = pytest.mark.usefixtures("exact_decimals")

NOW = 1_723_161_255_000_000


def market(
    name: str,
    *prices: str | Decimal,
    ts_event: int = NOW,
    turnover: str = "1000",
    connected: bool = True,
    stale: bool = False,
    secondary: bool = False,
) -> Market:
    """Return a market; a single price is that of all its trades."""
    given = prices * 3 if len(prices) == 1 else prices
    numbers = tuple(Decimal(price) for price in given)
    volume = Decimal(turnover)
    return Market(name, "BTC-USD", numbers, ts_event, volume, connected, stale, secondary)


def made(*markets: Market) -> Consolidated:
    found = consolidate("BTC", markets)
    assert found is not None
    return found


def why(found: Consolidated) -> dict[str, str | None]:
    return {one.exchange: one.excluded for one in found.sources}


def test_the_price_is_the_median_over_exchanges() -> None:
    found = made(market("a", "100.10"), market("b", "100.30"), market("c", "100.20"))
    assert found.price == "100.20"
    assert why(found) == {"a": None, "b": None, "c": None}
    assert made(market("a", "100.10")).price == "100.10"
    assert made(market("a", "100.10"), market("b", "100.30")).price == "100.2"


@pytest.mark.parametrize(
    ("low", "high", "mean"),
    [
        ("100", "101", "100.5"),
        ("100", "100", "100"),
        ("0.000000000001", "0.000000000002", "0.000000000002"),  # rounded half up
        ("0.1000000000005", "0.1000000000007", "0.100000000001"),
    ],
)
def test_of_an_even_number_it_is_the_mean_of_the_middle_two_to_1e_12(
    low: str, high: str, mean: str
) -> None:
    # So small that two of them are far apart: four, so that none is left out.
    found = made(market("a", low), market("b", high), market("c", low), market("d", high))
    assert found.price == mean


def test_one_bad_print_never_shows_even_with_one_exchange() -> None:
    assert made(market("a", "100", "101", "102", "103", "0.01")).price == "101"
    assert made(market("a", "100", "101", "999999")).price == "101"
    assert made(market("a", "7", "100", "101", "102")).price == "101"


def test_an_exchange_counts_from_its_third_trade_on() -> None:
    assert consolidate("BTC", [market("a", "100", "101")]) is None
    assert consolidate("BTC", []) is None
    found = made(market("a", "100", "100"), market("b", "105"))
    assert (found.price, why(found)) == ("105", {"b": None})


def test_what_is_away_or_stale_does_not_count() -> None:
    found = made(
        market("a", "100", connected=False, ts_event=NOW + 5),
        market("b", "101", stale=True),
        market("c", "102", ts_event=NOW - 5),
    )
    assert (found.price, found.ts_event) == ("102", NOW - 5)
    assert why(found) == {"a": "disconnected", "b": "stale", "c": None}
    alone = made(
        market("a", "100", connected=False, ts_event=NOW + 5), market("b", "1", stale=True)
    )
    assert (alone.price, alone.ts_event) == (None, NOW + 5)


def test_a_quiet_market_counts_until_another_one_is_a_minute_ahead() -> None:
    quiet = market("a", "100", ts_event=NOW - BEHIND_US)
    assert made(quiet, market("b", "101")).price == "100.5"
    later = made(quiet, market("b", "101", ts_event=NOW + 1))
    assert (later.price, why(later)) == ("101", {"a": "stale", "b": None})
    assert made(quiet, market("b", "101", ts_event=NOW + 1, connected=False)).price == "100"


def test_of_three_or_more_the_one_far_from_the_others_does_not_count() -> None:
    found = made(market("a", "100"), market("b", "100.5"), market("c", "150"))
    assert (found.price, why(found)) == ("100.25", {"a": None, "b": None, "c": "outlier"})
    near = made(market("a", "100"), market("b", "100"), market("c", "101"))
    assert why(near) == {"a": None, "b": None, "c": None}
    spread = made(market("a", "100"), market("b", "104"), market("c", "112"))
    assert spread.price == "104"
    assert set(why(spread).values()) == {None}


def test_of_two_that_are_apart_the_one_with_more_turnover_counts() -> None:
    small, large = market("a", "100", turnover="10"), market("b", "103", turnover="11")
    assert (made(small, large).price, why(made(small, large))) == (
        "103",
        {"a": "outlier", "b": None},
    )
    assert made(market("a", "100", turnover="10"), market("b", "102", turnover="11")).price == "101"
    newer = market("a", "100", turnover="10", ts_event=NOW + 1)
    assert made(newer, market("b", "103", turnover="10")).price == "100"


def test_what_others_have_traded_counts_only_where_no_market_is_left() -> None:
    told = market("coin", "90", secondary=True)
    found = made(told, market("a", "100"))
    assert (found.price, why(found)) == ("100", {"a": None, "coin": "secondary"})
    left = made(told, market("a", "100", connected=False))
    assert (left.price, why(left)) == ("90", {"a": "disconnected", "coin": None})
    ahead = market("coin", "90", secondary=True, ts_event=NOW + 2 * BEHIND_US)
    assert made(ahead, market("a", "100")).price == "100"


PRICES = st.decimals("0.00000001", "999999", places=8, allow_nan=False)
MARKETS = st.lists(
    st.builds(
        Market,
        exchange=st.sampled_from("abcdefgh"),
        symbol=st.just("BTC-USD"),
        prices=st.lists(PRICES, min_size=1, max_size=7).map(tuple),
        ts_event=st.integers(NOW, NOW + 2 * BEHIND_US),
        turnover=PRICES,
        connected=st.booleans(),
        stale=st.booleans(),
        secondary=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.exchange,
)


@given(MARKETS, st.randoms(use_true_random=False))
def test_the_order_of_the_markets_does_not_matter(markets: list[Market], chance: Random) -> None:
    shuffled = list(markets)
    chance.shuffle(shuffled)
    assert consolidate("BTC", shuffled) == consolidate("BTC", markets)


@given(MARKETS)
def test_the_price_lies_among_those_that_count_and_there_is_one_if_any_can_be_believed(
    markets: list[Market],
) -> None:
    found = consolidate("BTC", markets)
    believable = [one for one in markets if len(one.prices) >= 3]
    assert (found is None) == (not believable)
    if found is None:
        return
    counting = [Decimal(one.price) for one in found.sources if one.excluded is None]
    assert bool(counting) == any(one.connected and not one.stale for one in believable)
    if found.price is not None:
        assert check(found.price) == found.price
        assert min(counting) - Decimal("1e-12") <= Decimal(found.price)
        assert Decimal(found.price) <= max(counting) + Decimal("1e-12")
    assert (found.price is None) == (not counting)


HONEST = st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=7), min_size=1, max_size=5)


@given(HONEST, st.data())
def test_one_bad_print_moves_the_price_by_no_more_than_the_honest_spread(
    offsets: list[list[int]], data: st.DataObject
) -> None:
    honest = [
        market(str(name), *(Decimal(1000 + one) for one in own)) for name, own in enumerate(offsets)
    ]
    before = made(*honest).price
    victim = data.draw(st.integers(0, len(honest) - 1))
    place = data.draw(st.integers(0, len(honest[victim].prices) - 1))
    bad = data.draw(PRICES)
    prices = list(honest[victim].prices)
    prices[place] = bad
    assume(bad != honest[victim].prices[place])
    after = made(
        *honest[:victim], honest[victim]._replace(prices=tuple(prices)), *honest[victim + 1 :]
    ).price
    assert before is not None
    assert after is not None
    every = [price for one in honest for price in one.prices]
    assert min(every) <= Decimal(after) <= max(every)
    assert abs(Decimal(after) - Decimal(before)) <= max(every) - min(every)


def test_the_mean_of_the_last_trades_would_have_been_moved() -> None:
    prices = [Decimal(100), Decimal(100), Decimal(1000)]
    assert typical(prices) == 100
    assert sum(prices) / 3 == 400

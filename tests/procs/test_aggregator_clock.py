"""The market's clock: carried by trades, and not carried off by one of them."""

import pytest

from procs.aggregator.clock import JUMP_US, MarketClock

START = 1_723_161_600_000_000
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def test_it_is_the_newest_trade_and_goes_on_by_the_forward_clock() -> None:
    clock = MarketClock()
    clock.saw([START, START + 5], mono=100)
    assert clock.now(100) == START + 5
    assert clock.now(100 + SECOND_US) == START + 5 + SECOND_US
    clock.saw([START + 1], mono=200)  # a late one
    assert clock.now(200) == START + 5 + 100


@pytest.mark.parametrize("ahead", [2 * JUMP_US, DAY_US])
def test_one_trade_alone_never_moves_it_far_ahead(ahead: int) -> None:
    clock = MarketClock()
    clock.saw([START, START + 1, START + ahead, START + 2], mono=0)
    assert clock.now(0) == START + 2
    clock.saw([START + 3], mono=0)
    assert clock.now(0) == START + 3


def test_a_wrong_first_trade_is_forgotten() -> None:
    clock = MarketClock()
    clock.saw([START + DAY_US], mono=0)
    clock.saw([START], mono=0)
    clock.saw([START + 1], mono=0)
    assert clock.now(0) == START + 1


def test_a_market_that_jumps_is_believed_at_its_second_trade() -> None:
    clock = MarketClock(START)
    clock.saw([START + DAY_US], mono=0)
    assert clock.now(0) == START
    clock.saw([START + DAY_US + 1], mono=0)
    assert clock.now(0) == START + DAY_US + 1


def test_a_replay_with_a_trade_every_five_minutes_is_followed_one_trade_behind() -> None:
    clock = MarketClock()
    for step in range(20):
        clock.saw([START + step * 300 * SECOND_US], mono=0)
    assert clock.now(0) >= START + 18 * 300 * SECOND_US


def test_from_postgres_it_stands_still_until_it_is_started() -> None:
    clock = MarketClock(START)
    assert clock.now(10 * SECOND_US) == START
    clock.start(10 * SECOND_US)
    assert clock.now(11 * SECOND_US) == START + SECOND_US

"""What an exchange sends that nobody should believe, and clocks that jump; on a real journal."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bus.actor import Instant
from bus.errors import BadFrame
from bus.log import Log
from bus.messages import Trade
from market import candle
from procs.feed.connection import Connection
from procs.feed.holes import ASK_AGAIN_US, GRACE_US
from tests.exchanges import garbage
from tests.procs.feeding import START, Feeding, match, status
from tests.procs.test_gaps import SYMBOL, wanted

Make = Callable[[str], Feeding]
DAY_US = 86_400_000_000
YEAR_US = 365 * DAY_US
HOUR_US = 3_600_000_000
BAD_PRICES = (
    *("NaN", "sNaN", "Infinity", "-Infinity", "0", "0.00", "-1", "-0", "1e999", "1E5", "1_000"),
    *("1" * 30, "0." + "1" * 30, "", " 1", "1,5", "0x10", "٣"),
)
BAD_TIMES = (-START, YEAR_US, -YEAR_US, DAY_US + 120_000_000, -DAY_US - 120_000_000)
"""From the present on."""


@pytest.fixture
def feeding(tmp_path: Path) -> Iterator[Make]:
    made: list[Feeding] = []

    def make(name: str) -> Feeding:
        (tmp_path / name).mkdir()
        made.append(Feeding(tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.close()


def believed(trades: list[Trade]) -> object:
    """Return the candles of trades."""
    return candle.fold(trades)


def test_f14_each_frame_that_is_nothing_is_counted_and_none_changes_anything(
    feeding: Make,
) -> None:
    one = feeding("one")
    one.take(match(1))
    frames = [*garbage.BYTES, *garbage.truncated(match(2)), *garbage.unknown_kinds(10_000)]
    sent = 0
    for frame in frames:
        try:
            one.exchange.parse(frame, one.now.wall)
        except BadFrame:
            sent += 1
        one.take(frame)
    assert sent > 10_000
    assert one.health.counters["bad_frames"] == sent
    one.take(match(2))
    assert one.ids() == [1, 2]
    assert one.quarantined() == []
    assert len(one.recorded()) == 2


def test_f15_each_bad_price_size_and_time_is_a_row_and_the_candles_are_those_of_the_others(
    feeding: Make,
) -> None:
    one, good = feeding("one"), feeding("good")
    trade_id, bad = 0, set()
    present = START + 60_000_000

    def send(*frames: bytes) -> None:
        nonlocal trade_id
        for frame in frames:
            trade_id += 1
            bad.add(trade_id)
            one.take(frame)
            trade_id += 1
            for each in (one, good):
                each.take(match(trade_id, ts=present + trade_id))

    for text in BAD_PRICES:
        send(match(trade_id + 1, price=text, ts=present))
        plain = match(trade_id + 1, ts=present)
        send(plain.replace(b'"size":"0.5"', b'"size":"%b"' % text.encode()))
    for far in BAD_TIMES:
        send(match(trade_id + 1, ts=max(0, present + far)))
    assert {number for number, _ in one.quarantined()} == bad
    assert len(one.quarantined()) == len(bad) == 2 * len(BAD_PRICES) + len(BAD_TIMES)
    assert [each.trade_id for each in one.trades()] == good.ids()
    assert believed(one.trades()) == believed(good.trades())
    assert wanted(one.tick(GRACE_US)) == []  # their ids count as seen


def test_f15_a_good_price_is_no_row(feeding: Make) -> None:
    one = feeding("one")
    one.take(
        *[match(n, price=text) for n, text in enumerate(("1", "0.000000000000000001", "1.50"))]
    )
    assert one.ids() == [0, 1, 2]
    assert one.quarantined() == []


@pytest.mark.parametrize(
    "wall_of",
    [
        lambda step: step * 1_000_000 + HOUR_US,
        lambda step: step * 1_000_000 - HOUR_US,
        lambda step: step * 1_000_000 + DAY_US,
        lambda step: 0,
        lambda step: step * 1_000_000 + (HOUR_US if step % 2 else -DAY_US),
    ],
    ids=["an hour ahead", "an hour behind", "a day ahead", "frozen", "to and fro"],
)
def test_f19_whatever_our_clock_says_candles_are_the_same_and_time_outs_keep_working(
    feeding: Make, wall_of: Callable[[int], int]
) -> None:
    candles, asked, states = [], [], []
    for name, wall in (("true", lambda step: step * 1_000_000), ("wrong", wall_of)):
        one = feeding(name)
        address = "127.0.0.1:9"
        one.feed.connection = Connection(
            *(one.exchange, f"ws://{address}", f"http://{address}", one.feed.on_frame, Log("x")),
        )
        one.feed.connection.clock_offset_us = START - one.now.mono
        one.feed.connection._retry_at = 1 << 62  # nobody listens there
        one.feed.connection.clock_known = True
        mono, heard, told = one.now.mono, [], []
        for step in range(40):
            one.now = Instant(START + wall(step), mono + step * 1_000_000)
            if step < 20:  # two minutes around the edge of an hour, one trade missing
                one.take(
                    *[
                        match(step * 2 + each, ts=START + 240_000_000 + step * 6_000_000)
                        for each in range(1 if step == 7 else 2)
                    ]
                )
            sends = list(one.feed.on_tick(one.now))
            heard += [(step, ids) for ids in wanted(sends)]
            told.append(status(sends).symbols[0].state)
        candles.append(believed(one.trades()))
        asked.append(heard)
        states.append(told)
    assert candles[0] == candles[1]
    assert asked[0] == asked[1]
    assert asked[0][:2] == [
        (9, (SYMBOL, 15, 15)),
        (9 + ASK_AGAIN_US // 1_000_000, (SYMBOL, 15, 15)),
    ]
    assert states[0] == states[1]
    assert states[0][10] == "live"
    assert states[0][-1] == "stale"  # it is not connected


def told(clock_us: int | None) -> Any:
    """Return an attempt to connect that has ended, having asked for the exchange's clock."""
    return SimpleNamespace(
        clock_us=clock_us, clock_error="HTTP 500", socket=None, error="lost", retry_after_s=0.0
    )


def test_f19_after_a_sleep_of_more_than_a_day_what_is_live_is_believed_without_the_exchanges_clock(
    feeding: Make,
) -> None:
    """A machine that sleeps: the clock that only goes forward stands still meanwhile."""
    one = feeding("one")
    address = "127.0.0.1:9"
    line = Connection(
        *(one.exchange, f"ws://{address}", f"http://{address}", one.feed.on_frame, Log("x"))
    )
    one.feed.connection = line
    line._collect(told(START), one.now)
    one.take(match(1, ts=START))
    slept = 30 * HOUR_US
    one.now = Instant(START + slept, one.now.mono + 10_000_000)
    line._collect(told(None), one.now)
    one.take(match(2, ts=START + slept), match(3, ts=START), match(4, ts=START + 3 * slept))
    assert one.ids() == [1, 2, 3]
    assert [trade_id for trade_id, _ in one.quarantined()] == [4]
    line._collect(told(START + slept), one.now)
    one.take(match(5, ts=START + slept), match(6, ts=START))  # it is known again which it is
    assert one.ids() == [1, 2, 3, 5]


def test_f19_the_exchanges_clock_is_what_times_are_held_against(feeding: Make) -> None:
    one = feeding("one")
    one.now = Instant(START + 2 * DAY_US, one.now.mono)  # and nobody has told us of another
    one.take(match(1, ts=START))
    assert one.ids() == []
    assert len(one.quarantined()) == 1

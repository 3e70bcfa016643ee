"""Gaps from their first id to their last row, by a feed, a backfiller and a real HTTP server."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.messages import Gap, GapOpened, GapUnfillable
from procs.feed.gaps import LOOK_EVERY_US
from procs.feed.holes import GRACE_US
from tests.procs.exchange_server import http
from tests.procs.feeding import START
from tests.procs.filling import SYMBOL, Filling
from tests.procs.fix_connection import Serve

CALLS_MAX = 100
Make = Callable[..., Filling]


@pytest.fixture
def filling(serve: Serve, tmp_path: Path) -> Iterator[Make]:
    made: list[Filling] = []

    def make(series: dict[tuple[str, str], int] | None = None) -> Filling:
        made.append(Filling(tmp_path, serve(), series))
        return made[-1]

    yield make
    for one in made:
        one.feeding.close()


def errors(caplog: pytest.LogCaptureFixture) -> int:
    return len([one for one in caplog.records if one.levelno == logging.ERROR])


def rest(one: Filling) -> None:
    """Let a minute pass."""
    for _ in range(60):
        one.tick(1_000_000)


def late(trade_id: int) -> int:
    """Return when a trade happened whose id says nothing of it."""
    return START + 2_000_000_000 + trade_id % 1_000_000 * 1000


def test_f17_ids_that_begin_anew_at_one_are_quarantined_and_had_once_the_series_is_raised(
    filling: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one = filling()
    one.time_of = lambda trade_id: START + trade_id % 900_000 * 1000
    one.trade(*range(900_000, 900_010))
    one.ranges = []  # and the exchange begins anew
    one.time_of = late
    one.trade(*range(1, 51))
    one.until(lambda: one.calls or one.feeding.now.mono > 20_000_000)
    assert one.feeding.ids() == list(range(900_000, 900_010))
    assert len(one.feeding.quarantined()) == 50
    assert (one.calls, errors(caplog)) == (0, 1)  # said once, with what to do
    (alarm,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert "SERIES=coinbase:BTC-USD=1" in str(one.feeding.health.last_error), alarm
    one.feeding.close()

    raised = filling({("coinbase", SYMBOL): 1})
    raised.time_of, raised.ranges = late, [(1, 60)]
    raised.trade(61, 63)
    raised.ranges[-2:] = [(1, 70)]
    raised.hear(64)
    raised.until(lambda: len(raised.feeding.ids()) == 10 + 64)
    rest(raised)
    had = raised.feeding.trades()
    assert sorted(each.trade_id for each in had if each.series == 1) == list(range(1, 65))
    assert [each.trade_id for each in had if each.series == 0] == list(range(900_000, 900_010))
    assert raised.gaps == (0, 0)
    assert raised.calls <= CALLS_MAX
    assert raised.feeding.feed._commits.newest(SYMBOL) == 64


def test_f17_without_the_raised_series_the_new_trades_stay_out_however_long(filling: Make) -> None:
    one = filling()
    one.time_of = late
    one.trade(900_000, 900_001)
    one.time_of = lambda trade_id: late(900_001 + trade_id)
    one.trade(*range(1, 20))
    rest(one)
    assert one.feeding.ids() == [900_000, 900_001]
    assert len(one.feeding.quarantined()) == 19


def test_f17_a_new_series_far_on_is_asked_for_a_hundred_calls_back_at_most(filling: Make) -> None:
    one = filling({("coinbase", SYMBOL): 2})
    one.time_of, one.ranges = late, [(1, 5_000_000)]
    one.hear(5_000_000)
    one.until(lambda: one.calls and one.gaps == (0, 0), 1_000_000)
    rest(one)
    assert one.calls <= CALLS_MAX
    assert sorted(one.feeding.ids()) == list(range(4_900_000, 5_000_001))


def test_f17_an_id_that_the_series_before_had_too_is_not_fetched_for_the_new_one(
    filling: Make,
) -> None:
    one = filling()
    one.trade(*range(1, 31))
    one.feeding.close()
    raised = filling({("coinbase", SYMBOL): 1})
    raised.ranges = [(1, 60)]
    raised.hear(60)
    raised.until(lambda: raised.gaps == (0, 0) and raised.calls)
    rest(raised)
    had = [(each.series, each.trade_id) for each in raised.feeding.trades()]
    assert sorted(had) == [
        *((0, trade_id) for trade_id in range(1, 31)),
        *((1, trade_id) for trade_id in range(31, 61)),
    ]
    said = [each.gaps for each in raised.feeding.recorded() if isinstance(each, GapUnfillable)]
    assert said == [[Gap(SYMBOL, 1, 30, 1)]]  # a row that says so


def test_f17_what_was_missing_of_an_ended_series_is_said_and_not_asked_for(filling: Make) -> None:
    one = filling()
    one.trade(900_000, 900_005)
    one.feeding.close()
    raised = filling({("coinbase", SYMBOL): 1})
    raised.ranges = [(1, 2)]
    raised.tick()
    gap = Gap(SYMBOL, 900_001, 900_004)
    opened, said = raised.feeding.recorded()[-2:]
    assert isinstance(opened, GapOpened)
    assert isinstance(said, GapUnfillable)
    assert opened.gaps == said.gaps == [gap]
    rest(raised)
    assert raised.calls == 0
    seq = raised.feeding.journal.last_seq
    raised.feeding.close()
    again = filling({("coinbase", SYMBOL): 1})
    rest(again)
    assert again.feeding.journal.last_seq == seq  # and it is said once


def test_f17_ids_that_jump_by_a_billion_cost_few_calls_and_end_as_a_visible_gap(
    filling: Make, caplog: pytest.LogCaptureFixture
) -> None:
    one = filling()
    far = 1_000_000_000
    one.time_of = lambda trade_id: START + trade_id % far * 1_000_000
    one.trade(1, 2, 3)
    one.trade(far + 4)
    rest(one)
    assert one.gaps == (1, 0)  # visible, and not asked for while nothing confirms it
    assert (one.calls, errors(caplog)) == (0, 1)
    opened = [each for each in one.feeding.recorded() if isinstance(each, GapOpened)]
    assert [each.gaps for each in opened] == [[Gap(SYMBOL, 4, far + 3)]]
    one.trade(far + 5)  # confirms it
    for trade_id in range(far + 6, far + 200):
        one.trade(trade_id)
        one.tick(1_000_000)
    assert one.feeding.ids() == [1, 2, 3, *range(far + 4, far + 200)]
    assert 1 <= one.calls <= CALLS_MAX
    assert one.gaps == (0, 0)
    said = [each.gaps for each in one.feeding.recorded() if isinstance(each, GapUnfillable)]
    assert said == [[Gap(SYMBOL, 4, far + 3)]]


def test_f17_a_wrong_id_a_little_ahead_costs_a_few_calls_and_not_some_with_each_trade(
    filling: Make,
) -> None:
    one = filling()
    one.time_of = lambda trade_id: START + trade_id % 9_000 * 60_000_000
    one.trade(1, 2, 3)
    one.hear(9_003)
    for trade_id in range(4, 64):  # an hour
        one.trade(trade_id)
        rest(one)
    assert 1 <= one.calls <= 5
    records = one.feeding.recorded()
    assert len([each for each in records if isinstance(each, GapOpened)]) == 1
    assert len([each for each in records if isinstance(each, GapUnfillable)]) == 1
    one.ranges = [(1, 65)]  # two that the stream loses
    one.trade(66)
    rest(one)
    assert sorted(one.feeding.ids()) == [*range(1, 67), 9_003]


def test_f17_an_honest_gap_of_eight_hours_is_filled_whole(filling: Make) -> None:
    one = filling()
    night = 300_000
    one.time_of = lambda trade_id: START + trade_id * 28_800_000_000 // night
    one.trade(1)
    one.ranges = [(1, night)]
    one.feeding.pass_time(28_800_000_000)
    one.trade(night + 1, night + 2)
    one.until(lambda: one.calls and one.gaps == (0, 0), 200_000)
    ids = one.feeding.ids()
    assert len(ids) == night + 2
    assert set(ids) == set(range(1, night + 3))
    assert one.calls == pytest.approx(night / 1000, abs=2)


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (http("429 Too Many Requests", "Retry-After: 40"), 40.0),
        (http("418 I'm a teapot", "Retry-After: 90"), 90.0),
        (http("451 Unavailable For Legal Reasons"), 600.0),
        (http("500 Internal Server Error", "Retry-After: 20"), 20.0),
        (http("500 Internal Server Error"), 0.0),
        (b"", 0.0),
    ],
)
def test_f18_while_rest_refuses_the_gap_is_visible_live_goes_on_and_it_closes_later(
    filling: Make, answer: bytes, wait_s: float
) -> None:
    one = filling()
    one.instead = [answer] * 2
    one.trade(1)
    one.ranges = [(1, 4)]
    one.trade(5)
    one.tick(GRACE_US + LOOK_EVERY_US)
    assert one.gaps == (1, 3)
    live = 5
    while one.gaps != (0, 0):
        live += 1
        one.trade(live)  # it is committed although three are missing
        assert live < 500
        counters = one.feeding.health.counters
        assert counters["trades"] == live - 3 + counters["recovered"]
        one.tick(5_000_000)
    assert sorted(one.feeding.ids()) == list(range(1, live + 1))
    assert len(one.called_at) == 3
    for before, after in zip(one.called_at, one.called_at[1:], strict=False):
        assert after - before >= wait_s * 1e6


def test_f18_without_a_refusal_nothing_waits(filling: Make) -> None:
    one = filling()
    one.trade(1)
    one.ranges = [(1, 4)]
    one.trade(5)
    one.tick(GRACE_US + LOOK_EVERY_US)
    one.tick(0)
    assert (one.calls, sorted(one.feeding.ids())) == (1, [1, 2, 3, 4, 5])

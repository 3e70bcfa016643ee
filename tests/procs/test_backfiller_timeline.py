"""What an exchange is asked for whose pages rise from a time, by values: all, in few calls."""

from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus.messages import Wanted
from procs.backfiller.timeline import ANCHORS_MAX, TRIES_MAX, Timeline
from procs.backfiller.wish import UNTIL_ANSWERS_MAX
from procs.backfiller.wishes import Wishes

BTC = "BTC-USD"
START = 1_600_000_000_000_000
SECOND = 1_000_000
PAGE = 1000
FEW = 8
"""Calls that may be needed to find a range in time."""


class Past(NamedTuple):
    """What an exchange has of one symbol: rising ids, and their times, which never fall."""

    ids: list[int]
    times: list[int]
    limit: int = PAGE

    def page(self, since: int | None) -> list[int]:
        """Return the oldest trades from a time on; the newest ones where it is None."""
        if since is None:
            return self.ids[-self.limit :]
        at = bisect_left(self.times, since)
        return self.ids[at : at + self.limit]

    def between(self, first: int, last: int) -> set[int]:
        return {one for one in self.ids if first <= one <= last}


def steady(count: int, every_us: int = 100_000, first: int = 1) -> Past:
    """Return trades that come at a steady pace."""
    return Past(list(range(first, first + count)), [START + at * every_us for at in range(count)])


class Got(NamedTuple):
    """What asking until nothing is left has brought."""

    ids: set[int]
    absent: set[int]
    ranges: list[tuple[int, int]]
    calls: int


def ask(wishes: Wishes, past: Past, calls_max: int = 1000) -> Got:
    """Ask until nothing is wanted any more."""
    times = dict(zip(past.ids, past.times, strict=True))
    brought: set[int] = set()
    ranges: list[tuple[int, int]] = []
    calls = 0
    while (asked := wishes.next()) is not None:
        calls += 1
        assert calls <= calls_max, asked
        ids = past.page(asked.since)
        settled = wishes.settle(asked, ids, {one: times[one] for one in ids})
        assert not settled.ids & brought
        brought |= settled.ids
        ranges += settled.absent
    absent = {
        one for first, last in ranges if last - first < 10**6 for one in range(first, last + 1)
    }
    return Got(brought, absent, ranges, calls)


def asked_for(past: Past, *wanted: Wanted) -> Got:
    wishes = Wishes(past.limit)
    for one in wanted:
        wishes.add(one)
    return ask(wishes, past)


def test_a_long_range_comes_page_after_page_from_the_trade_before_it() -> None:
    past = steady(50_000)
    got = asked_for(past, Wanted(BTC, 20_001, 30_000, since=past.times[19_999]))
    assert got.ids == set(range(20_001, 30_001))
    assert (got.ranges, got.calls) == ([], 11)  # each page begins with the end of the last one


def test_trades_at_the_time_of_a_pages_end_are_not_lost() -> None:
    times = [START + at // 7 * SECOND for at in range(5000)]
    past = Past(list(range(1, 5001)), times)
    got = asked_for(past, Wanted(BTC, 501, 4500, since=times[499]))
    assert got.ids == set(range(501, 4501))
    assert got.ranges == []


@pytest.mark.parametrize("first", [1, 3000, 150_000, 199_000, 199_999])
@pytest.mark.parametrize("since", [None, 0, START + 10 * SECOND, START + 10**13])
def test_a_range_whose_time_is_unknown_or_wrong_is_found_in_a_few_calls(
    first: int, since: int | None
) -> None:
    past = steady(200_000)
    got = asked_for(past, Wanted(BTC, first, first + 1, since=since))
    assert got.ids == past.between(first, first + 1)
    assert got.calls <= FEW


def test_a_range_is_found_though_trading_was_slow_then_fast_then_slow() -> None:
    paces = [3600 * SECOND] * 2000 + [1000] * 100_000 + [60 * SECOND] * 5000
    past = Past(list(range(1, len(paces) + 1)), list(accumulate(paces, initial=START))[:-1])
    for first in (5, 1995, 2005, 50_000, 101_995, 102_005, 106_000):
        got = asked_for(past, Wanted(BTC, first, first + 3))
        assert got.ids == past.between(first, first + 3)
        assert got.calls <= 5 * FEW  # all but a hundred seconds of three months is empty


def test_f17_a_billion_ids_that_were_passed_over_cost_a_few_calls() -> None:
    for ids in ([*range(1, 5000)], [*range(1, 5000), *range(1_000_005_000, 1_000_009_000)]):
        past = Past(ids, [START + at * SECOND for at in range(len(ids))])
        for since in (START + 4998 * SECOND, None, 0, START + 10**12):
            got = asked_for(past, Wanted(BTC, 5000, 1_000_004_999, since=since))
            assert (got.ids, got.ranges) == (set(), [(5000, 1_000_004_999)])
            assert got.calls <= FEW


def test_f17_whatever_is_asked_for_a_hundred_calls_settle_it() -> None:
    past = Past([10**9, 10**9 + 1], [START, START + 10**15])
    for first, last in ((0, 5), (0, 10**9 - 1), (10**9 + 2, 2 * 10**9), (10**12, 10**12)):
        got = asked_for(past, Wanted(BTC, first, last))
        assert got.ranges == [(first, last)]
        assert got.calls < 100


def test_an_exchange_that_has_nothing_says_so_with_its_newest_page() -> None:
    got = asked_for(Past([], []), Wanted(BTC, 5, 9), Wanted(BTC, 20, 29))
    assert sorted(got.ranges) == [(5, 9), (20, 29)]
    assert got.calls == 2


def test_what_is_newer_than_all_the_exchange_has_is_absent_after_two_calls() -> None:
    past = steady(3000)
    got = asked_for(past, Wanted(BTC, 2999, 3010, since=past.times[2997]))
    assert (got.ids, got.ranges, got.calls) == ({2999, 3000}, [(3001, 3010)], 2)


def test_more_trades_in_one_microsecond_than_a_page_has_do_not_make_it_ask_for_ever() -> None:
    past = Past(list(range(1, 31)), [START] * 10 + [START + 1] * 15 + [START + 2] * 5, limit=10)
    got = asked_for(past, Wanted(BTC, 5, 28, since=START))
    assert got.ids == set(range(5, 11))
    assert got.ranges == [(11, 28)]
    assert got.calls == 2


def test_pages_that_never_bring_anything_are_not_asked_for_for_ever() -> None:
    wishes = Wishes(PAGE)
    wishes.add(Wanted(BTC, 5, 9))
    calls = 0
    while (asked := wishes.next()) is not None:
        calls += 1
        # Ids that rise while times fall: no exchange's, but nobody's loop either.
        settled = wishes.settle(asked, [100 + calls], {100 + calls: START - calls})
    assert settled.absent == [(5, 9)]
    assert calls <= TRIES_MAX + 1


def test_one_page_that_rises_finishes_every_range_that_it_covers() -> None:
    past = steady(3000)
    wanted = [Wanted(BTC, at, at, since=past.times[at - 2]) for at in range(1500, 1600, 2)]
    got = asked_for(past, *wanted)
    assert got.ids == set(range(1500, 1600, 2))
    assert got.calls == 1


def test_what_is_strewn_over_more_than_a_page_comes_the_newest_page_first() -> None:
    past = steady(30_000)
    wishes = Wishes(PAGE)
    for at in range(20_001, 29_000, 10):
        wishes.add(Wanted(BTC, at, at, since=past.times[at - 2]))
    asked = wishes.next()
    assert asked is not None
    assert (asked.first_id, asked.since) == (28_001, past.times[27_999])
    got = ask(wishes, past)
    assert got.ids == set(range(20_001, 29_000, 10))
    assert got.calls <= 10


def test_what_was_learned_is_forgotten_evenly() -> None:
    timeline = Timeline(PAGE)
    for at in range(1, 4 * ANCHORS_MAX):
        timeline.learn(Wanted(BTC, at, at, since=START + at), [10 * at], {10 * at: START + at})
    assert len(timeline._anchors) <= ANCHORS_MAX + 1
    first, last = timeline._anchors[0], timeline._anchors[-1]
    assert (first.trade_id, last.trade_id) == (10, 10 * (4 * ANCHORS_MAX - 1))


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    """Trades at equal and at different times, with ids that the exchange has not."""
    ids = sorted(draw(st.sets(st.integers(0, 400), max_size=120)))
    steps = draw(
        st.lists(
            st.sampled_from([0, 0, 1, 1000, SECOND, 10**10]),
            min_size=len(ids),
            max_size=len(ids),
        )
    )
    times = list(accumulate(steps, initial=START))[1:]
    together = max((times.count(one) for one in times), default=0)
    return Past(ids, times, limit=together + draw(st.integers(2, 40)))


@given(
    pasts(),
    st.lists(
        st.tuples(
            st.integers(0, 420),
            st.integers(0, 60),
            st.one_of(st.none(), st.integers(-10, 10**11)),
        ),
        min_size=1,
        max_size=5,
    ),
)
@example(Past([5], [START], 2), [(0, 9, None)])
def test_whatever_the_exchange_has_comes_and_the_rest_is_absent(
    past: Past, ranges: list[tuple[int, int, int | None]]
) -> None:
    got = asked_for(
        past,
        *(
            Wanted(BTC, first, first + more, since=None if after is None else START + after)
            for first, more, after in ranges
        ),
    )
    wanted = {one for first, more, _ in ranges for one in range(first, first + more + 1)}
    assert got.ids == wanted & set(past.ids)
    assert got.absent == wanted - set(past.ids)


# ---- trades of which nobody knows the number


def since_then(past: Past, until: int) -> set[int]:
    """Return the ids from that time on, and the newest one before."""
    at = bisect_left(past.times, until)
    return set(past.ids[max(0, at - 1) :])


@pytest.mark.parametrize("every_us", [1000, 100_000, 60 * SECOND, 86_400 * SECOND])
def test_trades_until_a_time_come_with_the_one_before_it(every_us: int) -> None:
    past = steady(20_000, every_us)
    until = past.times[12_345] - 1
    got = asked_for(past, Wanted(BTC, 0, 19_990, until=until))
    assert got.ids == set(range(12_345, 19_991))
    assert got.calls <= 8 + FEW + (10_000 if every_us == 1000 else 0) // PAGE
    assert got.ranges == []


def test_trades_until_a_time_before_all_of_them_are_all_and_nothing_is_before() -> None:
    past = steady(2500, first=41)
    got = asked_for(past, Wanted(BTC, 0, 2500, until=START))
    assert got.ids == set(range(41, 2501))
    assert got.ranges == [(0, 40)]
    assert got.calls <= 2 * FEW


def test_a_hundred_answers_are_the_end_of_it() -> None:
    past = steady(200_000)
    got = asked_for(past, Wanted(BTC, 0, 199_999, until=START + SECOND))
    assert got.calls == UNTIL_ANSWERS_MAX
    assert 90 * PAGE < len(got.ids) < 200_000
    assert got.ranges == []


@given(pasts(), st.integers(0, 420), st.integers(-5, 10**11))
def test_all_trades_until_any_time_come_whoever_has_them(past: Past, last: int, after: int) -> None:
    until = START + after
    got = asked_for(past, Wanted(BTC, 0, last, until=until))
    assert got.ids == {one for one in since_then(past, until) if one <= last}
    assert not got.absent & set(past.ids)
    assert got.calls <= UNTIL_ANSWERS_MAX

"""Counts that are added up, and the percentiles read off them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.tally import BUCKET_US, SENTENCES_MAX, Tally, percentile_ms, total

LATENCIES = st.lists(st.integers(0, 100_000), min_size=1, max_size=50)


@given(LATENCIES, st.integers(1, 100))
def test_a_percentile_is_the_smallest_class_that_so_many_do_not_pass(
    latencies: list[int], percent: int
) -> None:
    tally = Tally()
    for each in latencies:
        tally.late(each)
    us = percentile_ms(tally.latencies, percent) * 1000
    assert sum(each < us for each in latencies) * 100 >= percent * len(latencies)
    below = us - BUCKET_US
    assert sum(each < below for each in latencies) * 100 < percent * len(latencies)


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no latency"):
        percentile_ms({}, 99)


def test_the_few_that_are_late_show_in_the_last_percent() -> None:
    tally = Tally(latencies={10: 989, 5000: 11})
    assert percentile_ms(tally.latencies, 98) == 1.1
    assert percentile_ms(tally.latencies, 99) == 500.1


@given(LATENCIES, LATENCIES)
def test_two_processes_count_as_one_would(first: list[int], second: list[int]) -> None:
    parts = [Tally(), Tally()]
    together = Tally()
    for part, latencies in zip(parts, (first, second), strict=True):
        for each in latencies:
            part.late(each)
            together.late(each)
            part.ended(1012)
            together.ended(1012)
            part.frames += 1
            together.frames += 1
    assert total(parts) == together


def test_every_violation_counts_and_the_first_few_are_told() -> None:
    tally = Tally()
    for number in range(SENTENCES_MAX + 3):
        tally.wrong(f"number {number}")
    both = total([tally, tally])
    assert both.violations == 2 * (SENTENCES_MAX + 3)
    assert both.sentences == [f"number {number}" for number in range(SENTENCES_MAX)]


def test_a_clock_cut_to_the_ms_makes_no_negative_latency() -> None:
    tally = Tally()
    tally.late(-400)
    assert tally.latencies == {0: 1}

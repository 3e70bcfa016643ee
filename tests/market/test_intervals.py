"""Buckets, against the calendar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.topics import INTERVAL_NAMES
from market import intervals
from market.intervals import bucket
from tests.store.folding import opening

LATEST = 4_102_444_800_000_000
"""2100-01-01, µs."""


@given(st.integers(0, LATEST), st.sampled_from(sorted(INTERVAL_NAMES)))
def test_a_bucket_opens_where_the_calendar_says(ts: int, interval_s: int) -> None:
    assert bucket(ts, interval_s) == opening(interval_s)(ts)


@pytest.mark.parametrize("interval_s", sorted(INTERVAL_NAMES))
def test_a_bucket_is_half_open(interval_s: int) -> None:
    length = interval_s * 1_000_000
    begin = bucket(1_723_161_255_343_000, interval_s)
    assert bucket(begin, interval_s) == begin
    assert bucket(begin + length - 1, interval_s) == begin
    assert bucket(begin + length, interval_s) == begin + length
    assert bucket(begin - 1, interval_s) == begin - length


def test_names_are_those_of_the_contract() -> None:
    assert [intervals.parse(name) for name in ("1m", "5m", "15m", "1h", "4h", "1d", "1w")] == [
        *(60, 300, 900, 3600, 14400, 86400, 604800)
    ]
    with pytest.raises(KeyError):
        intervals.parse("2m")

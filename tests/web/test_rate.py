"""The token bucket: what it admits, and what it says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.rate import PERIOD_NS, SECOND_NS, Rate, seconds

NOW = 5_000 * SECOND_NS
LIMITS = st.integers(1, 5_000)


def admitted(rate: Rate, moments: list[int], full_at: int = 0) -> list[bool]:
    """Whether each of some requests, at these moments, is admitted."""
    found = []
    for now in moments:
        verdict = rate.take(full_at, now)
        full_at = verdict.full_at
        found.append(verdict.wait_ns == 0)
    return found


@given(LIMITS)
def test_a_full_bucket_admits_exactly_its_limit_at_once(limit: int) -> None:
    assert admitted(Rate(limit), [NOW] * (limit + 3)) == [True] * limit + [False] * 3


@given(st.integers(1, 50), st.lists(st.integers(0, PERIOD_NS // 7), max_size=30))
def test_no_minute_admits_more_than_a_bucket_and_what_refills_it(
    limit: int, gaps: list[int]
) -> None:
    now, moments = NOW, [NOW] * limit
    for gap in gaps:
        now += gap
        moments += [now] * 3
    passed = [at for at, good in zip(moments, admitted(Rate(limit), moments), strict=True) if good]
    for begin in passed:
        within = [at for at in passed if begin <= at < begin + PERIOD_NS]
        assert len(within) <= 2 * limit
        assert len([at for at in within if at == begin]) <= limit


@given(LIMITS)
def test_who_waits_as_long_as_he_is_told_is_admitted_and_not_a_moment_before(limit: int) -> None:
    rate, full_at = Rate(limit), 0
    while (verdict := rate.take(full_at, NOW)).wait_ns == 0:
        full_at = verdict.full_at
    assert verdict.full_at == full_at  # a refusal costs nothing
    assert rate.take(full_at, NOW + verdict.wait_ns - 1).wait_ns == 1
    assert rate.take(full_at, NOW + verdict.wait_ns).wait_ns == 0


@given(LIMITS)
def test_what_remains_can_be_taken_and_no_more(limit: int) -> None:
    rate, full_at = Rate(limit), 0
    for left in reversed(range(limit)):
        verdict = rate.take(full_at, NOW)
        full_at = verdict.full_at
        assert (verdict.remaining, verdict.wait_ns) == (left, 0)
    assert rate.take(full_at, NOW).remaining == 0
    assert rate.take(full_at, full_at).remaining == limit - 1  # full again, as was said


def test_an_even_rate_is_never_refused() -> None:
    moments = [NOW + number * (PERIOD_NS // 100) for number in range(1_000)]
    assert all(admitted(Rate(100), moments))
    assert not all(admitted(Rate(90), moments))


@pytest.mark.parametrize("full_at", [0, -(2**63), NOW - 1, NOW, NOW + PERIOD_NS + 1, 2**63 - 1])
def test_a_bucket_of_the_past_or_of_another_clock_is_full(full_at: int) -> None:
    assert Rate(7).take(full_at, NOW) == Rate(7).take(0, NOW)
    assert Rate(7).take(full_at, NOW).remaining == 6


def test_seconds_are_whole_and_never_too_few() -> None:
    assert [seconds(one) for one in (0, 1, SECOND_NS, SECOND_NS + 1)] == [0, 1, 1, 2]

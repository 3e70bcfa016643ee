"""How far apart the points of a chart stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.intervals import WEEK
from market.sampling import STEPS, step_s

MINUTE, DAY = 60_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("span_us", "points", "seconds"),
    [
        (1, 2, 60),
        (DAY, 500, 300),
        (DAY, 1440, 60),
        (DAY, 1439, 120),
        (7 * DAY, 500, 1800),
        (365 * DAY, 500, 86400),
        (10 * 365 * DAY, 500, 14 * 86400),
        (2 * 7 * DAY, 2, WEEK),
    ],
)
def test_steps_are_those_of_clocks_and_calendars(span_us: int, points: int, seconds: int) -> None:
    assert step_s(span_us, points) == seconds


@given(st.integers(1, 8000 * 365 * DAY), st.integers(1, 5000), st.integers(0, DAY))
def test_no_more_steps_begin_in_a_span_than_were_asked_for(
    span_us: int, points: int, begin: int
) -> None:
    seconds = step_s(span_us, points)
    step = seconds * 1_000_000
    begun = (begin + span_us + step - 1) // step - (begin + step - 1) // step
    assert begun <= points
    assert seconds in STEPS or seconds % WEEK == 0
    assert 86400 % seconds == 0 or seconds % WEEK == 0


@given(st.integers(2, 365 * DAY), st.integers(2, 5000))
def test_a_shorter_step_would_be_too_short(span_us: int, points: int) -> None:
    steps = [*STEPS, 2 * WEEK, 4 * WEEK, 8 * WEEK, 16 * WEEK, 32 * WEEK]
    place = steps.index(step_s(span_us, points))
    assert place == 0 or span_us > points * steps[place - 1] * 1_000_000

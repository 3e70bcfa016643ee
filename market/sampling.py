"""How far apart the points of a chart stand.

In comes a length of time and how many points are wanted; out goes a step that people know from
clocks and calendars, a whole number of stored candles.
"""

from market.intervals import WEEK

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
STEPS = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 4, 6, 12)),
    _DAY,
    WEEK,
)
"""Seconds. Each divides a day, or is a week."""


def step_s(span_us: int, points: int) -> int:
    """Return the smallest step, in seconds, of which at most ``points`` begin in a span.

    What needs more than weeks gets 2, 4, 8 … weeks.

    Args:
        span_us: the length of time, µs; it may begin anywhere.
        points: how many there may be, at least 1.
    """
    for step in STEPS:
        if span_us <= points * step * 1_000_000:
            return step
    step = WEEK
    while span_us > points * step * 1_000_000:
        step *= 2
    return step

"""Moments as integer microseconds."""

from datetime import UTC, datetime, timedelta, timezone

from market.moments import microseconds


def test_a_moment_is_exact_to_the_microsecond_in_every_zone_and_on_both_sides_of_1970() -> None:
    assert microseconds(datetime(2026, 8, 25, 3, 35, 57, 198335, UTC)) == 1787628957198335
    east = timezone(timedelta(hours=2))
    assert microseconds(datetime(2026, 8, 25, 5, 35, 57, 198335, east)) == 1787628957198335
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)) == -1

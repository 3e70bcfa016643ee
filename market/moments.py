"""Moments of ``datetime`` as the integer microseconds UTC that everything here counts in."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment, which knows its zone, as µs UTC."""
    return (moment - _EPOCH) // _MICROSECOND

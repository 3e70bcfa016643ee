"""Candle intervals: their names, which are stored, and which bucket a moment falls into.

A bucket is half-open, ``[ts_open, ts_open + interval)``, in UTC. Weeks begin on Monday. No clock is
read here.
"""

from bus.topics import INTERVAL_NAMES

STORED = (60, 3600, 86400)
"""Seconds of the intervals that are kept; the others are rolled up from these when read."""
WEEK = 604800
_MONDAY_US = 4 * 86400 * 1_000_000
"""The first Monday of Unix time, µs."""

_SECONDS = {name: seconds for seconds, name in INTERVAL_NAMES.items()}


def parse(name: str) -> int:
    """Return the seconds of an interval's name, ``"1m"`` to ``"1w"``.

    Raises:
        KeyError: there is no such interval.
    """
    return _SECONDS[name]


def bucket(ts: int, interval_s: int) -> int:
    """Return the ``ts_open`` of the bucket of ``interval_s`` that has ``ts``, both µs UTC.

    Several weeks are counted from the first Monday of Unix time.
    """
    interval = interval_s * 1_000_000
    if interval_s % WEEK == 0:
        return (ts - _MONDAY_US) // interval * interval + _MONDAY_US
    return ts // interval * interval

"""Times as exchanges write them: ISO-8601 UTC with microseconds, to and from integer µs. Pure."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def iso_second(second: int) -> str:
    """Return ``2026-08-25T03:35:57.`` for a second of the epoch."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))


def iso(ts: int) -> str:
    """Return ``2026-08-25T03:35:57.198335Z`` for µs UTC."""
    return f"{iso_second(ts // 1_000_000)}{ts % 1_000_000:06d}Z"


def iso_ms(ts: int) -> str:
    """Return ``2023-07-28T20:03:29.093Z`` for µs UTC."""
    return f"{iso_second(ts // 1_000_000)}{ts // 1000 % 1000:03d}Z"


def parse_iso(text: str) -> int:
    """Return µs UTC; a time without an offset is UTC.

    Raises:
        ValueError: not an ISO-8601 time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)

"""Moments as text and back: µs UTC inside, ISO-8601 with ``Z`` or epoch ms outside.

Nothing here reads a clock.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_blank_offset = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)", re.ASCII)


# What is sent at one moment says that moment over and over.
@lru_cache(maxsize=64)
def iso(ts: int) -> str:
    """Return µs UTC as ``2025-10-01T14:00:00.123Z``."""
    seconds, rest = divmod(ts, 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


def iso_micros(ts: int) -> str:
    """Return µs UTC as ``2025-10-01T14:00:00.123456Z``."""
    seconds, rest = divmod(ts, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


def iso_seconds(ts: int) -> str:
    """Return µs UTC as ``2025-10-01T14:00:00Z``, cut to the second."""
    return f"{_second(ts // 1_000_000)}Z"


def _second(seconds: int) -> str:
    days, second = divmod(seconds, 86400)
    return f"{_day(days)}T{_clock(second)}"


# A week of candles asks for seven days and 1,440 minutes, over and over.
@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return f"{_EPOCH + timedelta(days=days):%Y-%m-%d}"


@lru_cache(maxsize=4096)
def _clock(second: int) -> str:
    minute = second // 60
    return f"{minute // 60:02d}:{minute % 60:02d}:{second % 60:02d}"


def parse(text: str) -> int:
    """Return the µs UTC of an ISO-8601 moment; one without an offset is UTC.

    A blank before the offset is read as the ``+`` that it was before somebody forgot to escape it.

    Raises:
        ValueError: it is not one.
    """
    moment = datetime.fromisoformat(_blank_offset.sub("+", text.strip()))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND

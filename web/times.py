"""Moments as text and back: µs UTC inside, ISO-8601 with ``Z`` or epoch ms outside.

Nothing here reads a clock.
"""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_blank_offset = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)", re.ASCII)


def iso(ts: int) -> str:
    """Return µs UTC as ``2025-10-01T14:00:00.123Z``."""
    seconds, rest = divmod(ts, 1_000_000)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:03d}Z"


def iso_seconds(ts: int) -> str:
    """Return µs UTC as ``2025-10-01T14:00:00Z``, cut to the second."""
    return f"{_EPOCH + timedelta(seconds=ts // 1_000_000):%Y-%m-%dT%H:%M:%SZ}"


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

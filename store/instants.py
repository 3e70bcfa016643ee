"""Moments for Postgres: integer µs UTC become the text of a ``timestamptz``, exactly.

Nothing passes through a float. The text has no blanks and needs no quotes inside an array. On the
way back the queries use ``(extract(epoch FROM …) * 1000000)::bigint``, which is exact too.
"""

from datetime import UTC, datetime
from functools import lru_cache

LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""


@lru_cache(maxsize=4096)
def second(seconds: int) -> str:
    """Return ``2024-08-08T23:59:59.``, to be followed by six digits and ``+00``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def text(ts: int) -> str:
    """Return the moment ``ts``, µs UTC; what is outside the years 1970 to 9999 is moved inside."""
    seconds, micros = divmod(min(max(ts, 0), LATEST), 1_000_000)
    return f"{second(seconds)}{micros:06d}+00"

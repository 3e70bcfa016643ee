"""When trades of one symbol are known to be missing, for answers that are made of stored ones.

In comes a range of time; out goes an object that is asked about the intervals of candles. What is
known rests in Postgres: gaps that are not filled, and the minutes of the trades next to them.
"""

from bisect import bisect_right
from collections.abc import Iterable

from store import gaps
from store.candles import Known
from store.pool import Pool


class Missing:
    """Times in which trades are missing.

    Args:
        spans: [begin, end), µs UTC.
    """

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted(span for span in spans if span[0] < span[1]):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def within(self, begin: int, end: int) -> bool:
        """Return whether trades of [begin, end), µs UTC, may be missing."""
        at = bisect_right(self._ends, begin)
        return at < len(self._begins) and self._begins[at] < end


async def missing(
    pool: Pool, exchange: str, symbol: str, start: int, end: int, known: Known
) -> Missing:
    """Return what is missing of [start, end), µs UTC.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    if not known.lacking:
        return Missing(())
    return Missing(await gaps.spans(pool, exchange, symbol, start, end))

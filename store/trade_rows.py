"""Trades for the web: the newest first, in pages that no insert can shift.

Prices and sizes are the plain decimal text of what is stored, to the last digit.
"""

from typing import Any

from store.instants import LATEST, text
from store.pool import Pool

TradeRow = tuple[int, int, int, str, str | None, str | None]
"""(ts_event in µs UTC, series, trade_id, price, size, side); the first three are its position."""
Position = tuple[int, int, int]
"""(ts_event, series, trade_id): trades come in falling order of it."""

_NEWEST = """
SELECT (extract(epoch FROM ts_event) * 1000000)::bigint, series, trade_id,
       price::text, size::text, side
FROM trade
WHERE exchange = %(exchange)s AND symbol = %(symbol)s
  AND ts_event >= %(from)s::timestamptz AND ts_event < %(to)s::timestamptz
"""
_BEFORE = """
  AND (ts_event, series, trade_id) < (%(before)s::timestamptz, %(series)s, %(trade_id)s)
"""
_ORDER = """
ORDER BY ts_event DESC, series DESC, trade_id DESC
LIMIT %(limit)s
"""


async def newest(
    pool: Pool,
    exchange: str,
    symbol: str,
    from_us: int,
    to_us: int,
    limit: int,
    before: Position | None = None,
) -> list[TradeRow]:
    """Return the newest ``limit`` trades that happened in [from_us, to_us), newest first.

    ``before`` is the position of the last trade of the page before this one.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    given: dict[str, Any] = {"exchange": exchange, "symbol": symbol, "limit": limit}
    query = _NEWEST + _ORDER
    if before is not None:
        # The index ends with ts_event: this bound is what it is entered by.
        to_us = min(to_us, before[0] + 1)
        query = _NEWEST + _BEFORE + _ORDER
        given |= {"before": text(before[0]), "series": before[1], "trade_id": before[2]}
    given |= {"from": text(from_us), "to": text(min(to_us, LATEST))}
    async with pool.connection() as connection:
        cursor = await connection.execute(query, given)
        rows: list[Any] = await cursor.fetchall()
    return rows

"""Candles for the web: the newest ones of any interval, as texts that are ready to be written.

What is not stored is rolled up here from the longest stored interval that divides it. Prices and
volumes are the plain decimal text of what is stored, never Decimals: ten thousand rows are read and
written in a few milliseconds. ``parts`` gives exact Candles instead, to be merged with live ones.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from bus.messages import Candle
from market.intervals import STORED, bucket
from store.candles import of_row
from store.instants import LATEST, text
from store.pool import Pool

CandleRow = tuple[int, str, str, str, str, str, int, str | None]
"""(ts_open in *seconds*, open, high, low, close, volume, n, vwap to 1e-12 or None).

``n`` is 0 in what is made of an exchange's own candles, which have no count: see ``web.candles``.
"""
ROWS_MAX: Final = 20_000
"""Stored candles that one answer may be made of: a tenth of a second of work for the database."""
N: Final = 6
"""The place of ``n`` in a row: of two rows of one candle the one with more trades is newer."""

# A product of two prices or sizes has at most 36 fraction digits: rounding there changes nothing,
# but lets the division go on for as many digits, so that the one rounding is the visible one.
_STORED = """
SELECT extract(epoch FROM ts_open)::bigint, open::text, high::text, low::text, close::text,
       volume::text, n, round(round(sum_pq, 36) / nullif(volume, 0), 12)::text
FROM candle
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = %(base_s)s
  AND ts_open >= %(from)s::timestamptz AND ts_open < %(to)s::timestamptz
ORDER BY ts_open DESC
LIMIT %(limit)s
"""
# The newest `limit` candles are made of at most `limit` × (interval / base) stored ones, so that a
# long range costs no more than a short one. 1970-01-05 was a Monday. The price of the smallest key
# is found by comparing both as one array: without the sort that an ordered array_agg needs.
_ROLLED = """
SELECT extract(epoch FROM bucket)::bigint,
       (min(ARRAY[open_key[1]::numeric, open_key[2], open]))[3]::text,
       max(high)::text, min(low)::text,
       (max(ARRAY[close_key[1]::numeric, close_key[2], close]))[3]::text,
       sum(volume)::text, sum(n)::bigint,
       round(round(sum(sum_pq), 36) / nullif(sum(volume), 0), 12)::text
FROM (
    SELECT date_bin(%(interval_s)s * interval '1 second', ts_open, '1970-01-05Z') AS bucket,
           open_key, open, high, low, close_key, close, volume, n, sum_pq
    FROM candle
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = %(base_s)s
      AND ts_open >= %(from)s::timestamptz AND ts_open < %(to)s::timestamptz
    ORDER BY ts_open DESC
    LIMIT %(rows)s
) AS newest
GROUP BY bucket
ORDER BY bucket DESC
LIMIT %(limit)s
"""
_PARTS = """
SELECT (extract(epoch FROM ts_open) * 1000000)::bigint,
       n, open, open_key[1], open_key[2], high, low, close, close_key[1], close_key[2],
       volume, sum_p, sum_pq
FROM candle
WHERE exchange = %s AND symbol = %s AND interval_s = %s AND ts_open >= %s::timestamptz
"""
_CLOSES = """
SELECT exchange, symbol, extract(epoch FROM ts_open)::bigint, n, close
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS wanted (exchange, symbol, first)
JOIN candle USING (exchange, symbol)
WHERE interval_s = 3600 AND ts_open >= first AND ts_open < first + interval '24 hours'
"""


def base_of(interval_s: int) -> int:
    """Return the longest stored interval that divides ``interval_s``, which is whole minutes."""
    return max(stored for stored in STORED if interval_s % stored == 0)


def most(interval_s: int) -> int:
    """Return how many candles of an interval are made of at most ``ROWS_MAX`` stored ones."""
    return ROWS_MAX * base_of(interval_s) // interval_s


def finest(span_us: int) -> int:
    """Return the shortest stored interval, in seconds, with at most ``ROWS_MAX`` in so many µs."""
    return next((one for one in STORED if span_us <= ROWS_MAX * one * 1_000_000), STORED[-1])


async def newest(
    pool: Pool, exchange: str, symbol: str, interval_s: int, from_us: int, to_us: int, limit: int
) -> list[CandleRow]:
    """Return the newest ``limit`` candles that open in [from_us, to_us), in rising order.

    ``interval_s`` is whole minutes, and whole weeks when it is more than a day.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    base_s = base_of(interval_s)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _STORED if base_s == interval_s else _ROLLED,
            {
                "exchange": exchange,
                "symbol": symbol,
                "interval_s": interval_s,
                "base_s": base_s,
                "from": text(opening(from_us, interval_s)),
                "to": text(opening(to_us, interval_s)),
                "rows": limit * (interval_s // base_s),
                "limit": limit,
            },
        )
        found: list[Any] = await cursor.fetchall()
    found.reverse()
    return found


async def parts(
    pool: Pool, exchange: str, symbol: str, base_s: int, from_us: int
) -> dict[int, Candle]:
    """Return the stored candles of a stored interval that open at ``from_us`` or later."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_PARTS, [exchange, symbol, base_s, text(from_us)])
        return {row[0]: of_row(row[1:]) for row in await cursor.fetchall()}


async def closes(
    pool: Pool, firsts: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], dict[int, tuple[int, Decimal]]]:
    """Return ``{hour in seconds: (n, close)}`` of 24 hours of each (exchange, symbol).

    ``firsts`` says when the first of the 24 hours of each begins, µs UTC.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    found: dict[tuple[str, str], dict[int, tuple[int, Decimal]]] = {key: {} for key in firsts}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _CLOSES,
            [
                [exchange for exchange, _ in firsts],
                [symbol for _, symbol in firsts],
                [text(first) for first in firsts.values()],
            ],
        )
        for exchange, symbol, hour, n, close in await cursor.fetchall():
            found[exchange, symbol][hour] = (n, close)
    return found


def opening(ts: int, interval_s: int) -> int:
    """Return the first ``ts_open`` of the interval that is not before ``ts``."""
    within = min(max(ts, 0), LATEST)
    begun = bucket(within, interval_s)
    return begun if begun == within else begun + interval_s * 1_000_000

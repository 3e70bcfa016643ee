"""Candles that the exchanges publish, as they rest in Postgres, and what of them was had.

They stand in a table of their own and are never added to the exact ones. Times are integer µs UTC,
numbers plain decimal text; the functions that take a pool answer the web.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from bus.messages import History, HistoryCandle
from store.instants import LATEST, text
from store.pool import Connection, Pool

Key = tuple[str, str, int]
"""(exchange, symbol, interval_s)."""
HistoryRow = tuple[int, str, str, str, str, str]
"""(ts_open in *seconds*, open, high, low, close, volume)."""
PATIENCE = "200ms"
"""How long somebody else's lock is waited for: trades wait behind us."""


class Ranges(NamedTuple):
    """What is wanted of one symbol's candles, and what was had."""

    wanted_until: int
    covered: list[tuple[int, int]]
    """Half-open, rising."""


_SAVE = """
INSERT INTO candle_history AS stored
    (exchange, symbol, interval_s, ts_open, open, high, low, close, volume)
SELECT %s, %s, %s, *
FROM unnest(%s::timestamptz[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
            %s::numeric[])
ON CONFLICT (exchange, symbol, interval_s, ts_open) DO UPDATE
SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, updated_at = now()
WHERE (stored.open, stored.high, stored.low, stored.close, stored.volume) IS DISTINCT FROM
      (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
"""
_COVER = """
UPDATE history_range
SET covered = covered + tstzmultirange(tstzrange(%s::timestamptz, %s::timestamptz))
WHERE exchange = %s AND symbol = %s AND interval_s = %s
"""
_ROWS = """
SELECT extract(epoch FROM ts_open)::bigint, open::text, high::text, low::text, close::text,
       volume::text
FROM candle_history
WHERE exchange = %s AND symbol = %s AND interval_s = %s
  AND ts_open >= %s::timestamptz AND ts_open < %s::timestamptz
ORDER BY ts_open DESC
LIMIT %s
"""
_BEGINS = """
SELECT interval_s, (extract(epoch FROM least(
    (SELECT min(ts_open) FROM candle
     WHERE exchange = %(exchange)s AND symbol = %(symbol)s
       AND candle.interval_s = wanted.interval_s),
    (SELECT min(ts_open) FROM candle_history
     WHERE exchange = %(exchange)s AND symbol = %(symbol)s
       AND candle_history.interval_s = wanted.interval_s)
)) * 1000000)::bigint
FROM (VALUES (60), (3600), (86400)) AS wanted (interval_s)
"""
_CLOSES = """
SELECT exchange, symbol, extract(epoch FROM ts_open)::bigint, close
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS wanted (exchange, symbol, first)
JOIN candle_history USING (exchange, symbol)
WHERE interval_s = 3600 AND ts_open >= first AND ts_open < first + interval '24 hours'
"""


def save(connection: Connection, found: History) -> None:
    """Store what an exchange has of a range, and that it was had, in one transaction.

    Raises:
        psycopg.errors.LockNotAvailable: somebody holds a table for longer than ``PATIENCE``.
    """
    candles = found.candles
    key = [found.exchange, found.symbol, found.interval_s]
    with connection.transaction():
        _be_impatient(connection)
        connection.execute(
            _SAVE,
            [
                *key,
                _array(text(one.ts_open) for one in candles),
                _array(one.open for one in candles),
                _array(one.high for one in candles),
                _array(one.low for one in candles),
                _array(one.close for one in candles),
                _array(one.volume for one in candles),
            ],
        )
        connection.execute(_COVER, [text(found.start), text(found.end), *key])


def want(connection: Connection, until: Mapping[Key, int]) -> None:
    """Write until when candles are wanted; what was had stays had."""
    with connection.transaction(), connection.cursor() as cursor:
        _be_impatient(connection)
        cursor.executemany(
            """
            INSERT INTO history_range (exchange, symbol, interval_s, wanted_until)
            VALUES (%s, %s, %s, %s::timestamptz)
            ON CONFLICT (exchange, symbol, interval_s)
            DO UPDATE SET wanted_until = excluded.wanted_until
            """,
            [[*key, text(ts)] for key, ts in sorted(until.items())],
        )


def ranges(connection: Connection) -> dict[Key, Ranges]:
    """Return what is wanted and what was had of every symbol."""
    found: dict[Key, Ranges] = {}
    rows = connection.execute(
        """
        SELECT exchange, symbol, interval_s,
               (extract(epoch FROM wanted_until) * 1000000)::bigint,
               (extract(epoch FROM lower(part)) * 1000000)::bigint,
               (extract(epoch FROM upper(part)) * 1000000)::bigint
        FROM history_range LEFT JOIN LATERAL unnest(covered) AS part ON true
        ORDER BY exchange, symbol, interval_s, part
        """
    )
    for exchange, symbol, interval_s, until, start, end in rows:
        mine = found.setdefault((exchange, symbol, interval_s), Ranges(until, []))
        if start is not None:
            mine.covered.append((start, end))
    return found


def minutes_since(connection: Connection, exchange: str, ts: int) -> dict[str, list[HistoryCandle]]:
    """Return the 1m candles of each symbol that opened at ``ts`` or later, rising."""
    rows = connection.execute(
        """
        SELECT symbol, (extract(epoch FROM ts_open) * 1000000)::bigint, open::text, high::text,
               low::text, close::text, volume::text
        FROM history_range JOIN candle_history USING (exchange, symbol, interval_s)
        WHERE exchange = %s AND interval_s = 60 AND ts_open >= %s::timestamptz
        ORDER BY symbol, ts_open
        """,
        [exchange, text(ts)],
    )
    found: dict[str, list[HistoryCandle]] = {}
    for symbol, *row in rows:
        found.setdefault(symbol, []).append(HistoryCandle(*row))
    return found


async def newest(
    pool: Pool, exchange: str, symbol: str, interval_s: int, from_us: int, to_us: int, limit: int
) -> list[HistoryRow]:
    """Return the newest ``limit`` candles that open in [from_us, to_us), in rising order.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    bounds = (text(min(max(ts, 0), LATEST)) for ts in (from_us, to_us))
    async with pool.connection() as connection:
        cursor = await connection.execute(_ROWS, [exchange, symbol, interval_s, *bounds, limit])
        found: list[HistoryRow] = await cursor.fetchall()
    found.reverse()
    return found


async def begins(pool: Pool, exchange: str, symbol: str) -> dict[int, int]:
    """Return when the candles of each stored interval begin, exact or not, where there are any."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_BEGINS, {"exchange": exchange, "symbol": symbol})
        rows = await cursor.fetchall()
    return {interval_s: ts_open for interval_s, ts_open in rows if ts_open is not None}


async def closes(
    pool: Pool, firsts: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], dict[int, Decimal]]:
    """Return ``{hour in seconds: close}`` of 24 hours of each (exchange, symbol).

    ``firsts`` says when the first of the 24 hours of each begins, µs UTC.
    """
    found: dict[tuple[str, str], dict[int, Decimal]] = {key: {} for key in firsts}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _CLOSES,
            [
                [exchange for exchange, _ in firsts],
                [symbol for _, symbol in firsts],
                [text(first) for first in firsts.values()],
            ],
        )
        for exchange, symbol, hour, close in await cursor.fetchall():
            found[exchange, symbol][hour] = close
    return found


def _be_impatient(connection: Connection) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])


def _array(values: Iterable[str]) -> str:
    """Return an array literal of values whose text needs no quotes."""
    return "{" + ",".join(values) + "}"

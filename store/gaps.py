"""Trades known to be missing: visible rows, never silence."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from bus.messages import Gap
from store.instants import text
from store.pool import Connection, Pool

State = Literal["open", "filled", "unfillable"]
Position = tuple[int, str, str, int, int, int]
"""(opened_at in µs UTC, exchange, symbol, series, first_id, last_id): rows fall by it."""


class GapRow(NamedTuple):
    """A row of the table ``gap``; the first six are its ``Position``. Moments in µs UTC."""

    opened_at: int
    exchange: str
    symbol: str
    series: int
    first_id: int
    last_id: int
    state: State
    reason: str
    closed_at: int | None


_NEWEST = """
SELECT (extract(epoch FROM opened_at) * 1000000)::bigint, exchange, symbol, series,
       first_id, last_id, state, reason, (extract(epoch FROM closed_at) * 1000000)::bigint
FROM gap
WHERE true
"""
_ONLY = {
    "state": " AND state = %(state)s",
    "exchange": " AND exchange = %(exchange)s",
    "symbol": " AND symbol = %(symbol)s",
}
_BEFORE = """
  AND (opened_at, exchange, symbol, series, first_id, last_id) < (
      %(opened_at)s::timestamptz, %(at_exchange)s, %(at_symbol)s,
      %(series)s, %(first_id)s, %(last_id)s
  )
"""
_ORDER = """
ORDER BY opened_at DESC, exchange DESC, symbol DESC, series DESC, first_id DESC, last_id DESC
LIMIT %(limit)s
"""

SPANS_MAX = 500
"""Gaps of one answer whose times are looked for one by one: some 10 ms of work for the database."""
# By its ids a gap lies in one of the minutes' candles or between two: from the last that begins
# before it to the first that ends after it. Only those matter that lie between the last candle
# before the range and the first one behind it. Of more than SPANS_MAX those with the fewest ids
# between them are taken for one: where an outage has left thousands, they are side by side.
_SPANS = """
WITH range AS (
    SELECT (SELECT close_key FROM candle
            WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = 60
              AND ts_open <= %(from)s::timestamptz - interval '1 minute'
            ORDER BY ts_open DESC LIMIT 1) AS above,
           (SELECT open_key FROM candle
            WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = 60
              AND ts_open >= %(to)s::timestamptz
            ORDER BY ts_open LIMIT 1) AS below
), missing AS (
    SELECT series, first_id, last_id,
           first_id - lag(last_id) OVER (PARTITION BY series ORDER BY first_id) AS distance
    FROM gap CROSS JOIN range
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND state <> 'filled'
      AND (above IS NULL OR ARRAY[series, last_id] > above)
      AND (below IS NULL OR ARRAY[series, first_id] < below)
), apart AS (
    SELECT *, row_number() OVER (ORDER BY distance DESC NULLS FIRST) <= %(limit)s AS begins
    FROM missing
), numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (ORDER BY series, first_id) AS number FROM apart
), part AS (
    SELECT series, min(first_id) AS first_id, max(last_id) AS last_id
    FROM numbered GROUP BY series, number
)
SELECT (extract(epoch FROM before.ts_open) * 1000000)::bigint,
       (extract(epoch FROM after.ts_open + interval '1 minute') * 1000000)::bigint
FROM part
CROSS JOIN LATERAL (
    SELECT ts_open FROM candle
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = 60
      AND (open_key[1], open_key[2]) < (part.series, part.first_id)
    ORDER BY open_key[1] DESC, open_key[2] DESC LIMIT 1
) AS before
LEFT JOIN LATERAL (
    SELECT ts_open FROM candle
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = 60
      AND ts_open >= before.ts_open AND close_key > ARRAY[part.series, part.last_id]
    ORDER BY ts_open LIMIT 1
) AS after ON true
"""


def open(connection: Connection, exchange: str, gaps: Sequence[Gap], reason: str) -> None:  # noqa: A001
    """Make a row for each gap; one that was closed is opened again."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (exchange, symbol, series, first_id, last_id) DO UPDATE
            SET reason = excluded.reason, opened_at = now(), closed_at = NULL, state = 'open'
            WHERE gap.state <> 'open'
            """,
            [[exchange, gap.symbol, gap.series, gap.first_id, gap.last_id, reason] for gap in gaps],
        )


def opened(connection: Connection, exchange: str) -> list[Gap]:
    """Return the gaps of an exchange that are open, those that were opened first in front."""
    rows = connection.execute(
        """
        SELECT symbol, first_id, last_id, series FROM gap
        WHERE exchange = %s AND state = 'open' ORDER BY opened_at, symbol, series, first_id
        """,
        [exchange],
    )
    return [Gap(*row) for row in rows]


def unfillable(connection: Connection, exchange: str) -> list[Gap]:
    """Return the gaps of an exchange that cannot be filled."""
    rows = connection.execute(
        """
        SELECT symbol, first_id, last_id, series FROM gap
        WHERE exchange = %s AND state = 'unfillable'
        """,
        [exchange],
    )
    return [Gap(*row) for row in rows]


def missing(connection: Connection, exchange: str) -> list[Gap]:
    """Return the gaps of an exchange that are not filled, those that cannot be filled included."""
    rows = connection.execute(
        "SELECT symbol, first_id, last_id, series FROM gap"
        " WHERE exchange = %s AND state <> 'filled'",
        [exchange],
    )
    return [Gap(*row) for row in rows]


def close(
    connection: Connection,
    exchange: str,
    gaps: Sequence[Gap],
    state: Literal["filled", "unfillable"],
) -> None:
    """Say of open gaps that they are no more, and why."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            UPDATE gap SET state = %s, closed_at = now()
            WHERE exchange = %s AND symbol = %s AND series = %s AND first_id = %s AND last_id = %s
              AND state = 'open'
            """,
            [[state, exchange, gap.symbol, gap.series, gap.first_id, gap.last_id] for gap in gaps],
        )


def split(
    connection: Connection, exchange: str, gap: Gap, pieces: Sequence[tuple[int, int, str]]
) -> None:
    """Put rows of (first_id, last_id, state) in the place of an open gap's row.

    They keep its reason and the moment when it was opened.
    """
    row = connection.execute(
        """
        DELETE FROM gap
        WHERE exchange = %s AND symbol = %s AND series = %s AND first_id = %s AND last_id = %s
          AND state = 'open'
        RETURNING reason, opened_at
        """,
        [exchange, gap.symbol, gap.series, gap.first_id, gap.last_id],
    ).fetchone()
    if row is None:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason, opened_at,
                             state, closed_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, CASE WHEN %s THEN now() END)
            ON CONFLICT (exchange, symbol, series, first_id, last_id) DO UPDATE
            SET state = excluded.state, closed_at = excluded.closed_at
            """,
            [
                [exchange, gap.symbol, gap.series, first, last, *row, state, state != "open"]
                for first, last, state in pieces
            ],
        )


async def spans(
    pool: Pool, exchange: str, symbol: str, from_us: int, to_us: int
) -> list[tuple[int, int]]:
    """Return the minutes [begin, end) in which trades are missing, µs UTC: the times of gaps.

    Of gaps that are not filled and reach into [from, to). A gap lies between the trades next to it;
    in which minutes those are, the candles know, for as long as there are any. Where there is no
    trade after it yet, it reaches to ``to``. Before the first trade nothing counts as missing.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    given = {"exchange": exchange, "symbol": symbol, "limit": SPANS_MAX}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _SPANS, given | {"from": text(from_us), "to": text(to_us)}
        )
        rows = await cursor.fetchall()
    return [(begin, to_us if end is None else end) for begin, end in rows]


async def newest(
    pool: Pool,
    limit: int,
    *,
    state: State | None = None,
    exchange: str | None = None,
    symbol: str | None = None,
    before: Position | None = None,
) -> list[GapRow]:
    """Return the ``limit`` gaps that were opened last, newest first.

    Args:
        pool: where to ask.
        limit: how many at most.
        state: only those of this state.
        exchange: only those of this exchange.
        symbol: only those of this symbol.
        before: the position of the last row of the page before this one.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    wanted = {"state": state, "exchange": exchange, "symbol": symbol}
    query = _NEWEST + "".join(_ONLY[name] for name, value in wanted.items() if value is not None)
    given: dict[str, Any] = {**wanted, "limit": limit}
    if before is not None:
        query += _BEFORE
        opened_at, at_exchange, at_symbol, series, first_id, last_id = before
        given |= {"opened_at": text(opened_at), "at_exchange": at_exchange, "at_symbol": at_symbol}
        given |= {"series": series, "first_id": first_id, "last_id": last_id}
    async with pool.connection() as connection:
        cursor = await connection.execute(query + _ORDER, given)
        return [GapRow(*row) for row in await cursor.fetchall()]

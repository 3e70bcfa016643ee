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

SPANS_MAX = 1_000
"""Gaps of one symbol, those of the highest ids, whose times are looked for."""
_SPANS = """
SELECT (extract(epoch FROM before.ts_event) * 1000000)::bigint,
       (extract(epoch FROM after.ts_event) * 1000000)::bigint
FROM (
    SELECT series, first_id, last_id FROM gap
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND state <> 'filled'
    ORDER BY series DESC, first_id DESC LIMIT %(limit)s
) AS missing
CROSS JOIN LATERAL (
    SELECT ts_event FROM trade
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s
      AND series = missing.series AND trade_id < missing.first_id
    ORDER BY trade_id DESC LIMIT 1
) AS before
LEFT JOIN LATERAL (
    SELECT ts_event FROM trade
    WHERE exchange = %(exchange)s AND symbol = %(symbol)s
      AND series = missing.series AND trade_id > missing.last_id
    ORDER BY trade_id LIMIT 1
) AS after ON true
WHERE least(before.ts_event, after.ts_event) < %(to)s::timestamptz
  AND (after.ts_event IS NULL
       OR greatest(before.ts_event, after.ts_event) >= %(from)s::timestamptz)
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
    """Return when the trades on both sides of each gap that is not filled happened, µs UTC.

    What is missing happened between them. Of gaps that reach into [from, to); as long as the trade
    before is stored, for without it nobody knows. Where there is no trade after it yet, it reaches
    to ``to``.

    Raises:
        psycopg.Error: see ``pool.is_waitable``.
    """
    given = {"exchange": exchange, "symbol": symbol, "limit": SPANS_MAX}
    async with pool.connection() as connection:
        cursor = await connection.execute(
            _SPANS, given | {"from": text(from_us), "to": text(to_us)}
        )
        rows = await cursor.fetchall()
    found = [(before, to_us if after is None else after) for before, after in rows]
    return [(min(span), max(span)) for span in found]


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

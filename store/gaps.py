"""Trades known to be missing: visible rows, never silence."""

from collections.abc import Sequence
from typing import Literal

from bus.messages import Gap
from store.pool import Connection


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
    """Return the gaps of an exchange that are open."""
    rows = connection.execute(
        """
        SELECT symbol, first_id, last_id, series FROM gap
        WHERE exchange = %s AND state = 'open' ORDER BY symbol, series, first_id
        """,
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

"""Trades known to be missing: visible rows, never silence."""

from collections.abc import Sequence

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

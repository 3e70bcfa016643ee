"""The table ``symbol``: what each exchange says of the symbols that the feeds are configured for.

A row is written only where something is another than it was, so ``updated_at`` means that.
"""

from collections.abc import Sequence
from typing import NamedTuple

from store.pool import Connection

PATIENCE = "200ms"
"""How long somebody else's lock on the table is waited for: trades wait behind us."""


class Listed(NamedTuple):
    """What an exchange says of one symbol; the steps are plain decimal text."""

    exchange: str
    symbol: str
    listed: bool
    tick_size: str | None
    size_step: str | None


def save(connection: Connection, rows: Sequence[Listed]) -> None:
    """Write the rows, in one transaction. A step that is no longer told stays as it was told last.

    Raises:
        psycopg.errors.LockNotAvailable: somebody holds the table for longer than ``PATIENCE``.
    """
    ordered = sorted(rows, key=lambda row: (row.exchange, row.symbol))
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO symbol (exchange, symbol, listed, tick_size, size_step)
                VALUES (%s, %s, %s, %s::numeric, %s::numeric)
                ON CONFLICT (exchange, symbol) DO UPDATE
                SET listed = excluded.listed,
                    tick_size = coalesce(excluded.tick_size, symbol.tick_size),
                    size_step = coalesce(excluded.size_step, symbol.size_step),
                    updated_at = now()
                WHERE (symbol.listed, symbol.tick_size, symbol.size_step) IS DISTINCT FROM (
                    excluded.listed,
                    coalesce(excluded.tick_size, symbol.tick_size),
                    coalesce(excluded.size_step, symbol.size_step)
                )
                """,
                ordered,
            )

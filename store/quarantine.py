"""Trades that were received and not believed, kept for the operator, capped by rows and by age."""

from collections.abc import Sequence

from bus.messages import Quarantined
from store.instants import text
from store.pool import Connection

ROWS_MAX = 10_000
DAYS_MAX = 30
_BIGINT_MAX = (1 << 63) - 1


def insert(
    connection: Connection, exchange: str, epoch: int, seq: int, items: Sequence[Quarantined]
) -> None:
    """Keep the items of one journal record, whatever bytes an exchange has sent in them.

    A NUL, which Postgres cannot store, becomes U+FFFD; an id that is no ``bigint`` becomes null
    (the frame still has it).
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO quarantine
                (exchange, epoch, seq, symbol, trade_id, series, ts_recv, reason, frame)
            VALUES (%s, %s, %s, %s, %s, %s, %s::timestamptz, %s, %s)
            """,
            [
                [
                    exchange,
                    epoch,
                    seq,
                    None if item.symbol is None else _storable(item.symbol),
                    item.trade_id if abs(item.trade_id or 0) <= _BIGINT_MAX else None,
                    item.series,
                    text(item.ts_recv),
                    _storable(item.reason),
                    _storable(item.frame),
                ]
                for item in items
            ],
        )


def prune(connection: Connection, rows: int = ROWS_MAX, days: int = DAYS_MAX) -> int:
    """Delete what is older than ``days`` and all but the newest ``rows``; return how many went."""
    return connection.execute(
        """
        DELETE FROM quarantine
        WHERE ts_recv < now() - %s * interval '1 day'
           OR id <= (SELECT id FROM quarantine ORDER BY id DESC OFFSET %s LIMIT 1)
        """,
        [days, rows],
    ).rowcount


def _storable(value: str) -> str:
    return value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")

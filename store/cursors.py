"""How far each consumer has stored each exchange's journal: ``(epoch, seq)``.

A consumer locks its cursor first, compares it with what it believes, and saves it in the same
transaction as what it stores.
"""

from store.pool import Connection


def lock(connection: Connection, consumer: str, exchange: str) -> tuple[int, int] | None:
    """Return the position and hold its row until the transaction ends; None when there is none."""
    row = connection.execute(
        "SELECT epoch, seq FROM cursor WHERE consumer = %s AND exchange = %s FOR UPDATE",
        [consumer, exchange],
    ).fetchone()
    return None if row is None else (row[0], row[1])


def save(connection: Connection, consumer: str, exchange: str, epoch: int, seq: int) -> None:
    """Set the position."""
    connection.execute(
        """
        INSERT INTO cursor (consumer, exchange, epoch, seq) VALUES (%s, %s, %s, %s)
        ON CONFLICT (consumer, exchange)
        DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, updated_at = now()
        """,
        [consumer, exchange, epoch, seq],
    )


def read(connection: Connection, consumer: str) -> dict[str, tuple[int, int]]:
    """Return the position in each exchange's journal, without locking."""
    rows = connection.execute(
        "SELECT exchange, epoch, seq FROM cursor WHERE consumer = %s", [consumer]
    )
    return {exchange: (epoch, seq) for exchange, epoch, seq in rows}

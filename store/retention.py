"""How long single trades, and what was said about gaps, are kept. All else is kept for ever.

A trade goes by when it was received, so that a late one is kept as long as any other. Its id goes
on counting as seen (``trade_seen``), so that it can never come in again, and it stays counted in
its candles. The newest trade of each symbol stays: ``last_ticks`` and the live view begin with it.
"""

from store.pool import Connection

PORTION = 5_000
"""Rows that go in one transaction: some tens of milliseconds."""

_PRUNE = """
WITH gone AS (
    DELETE FROM trade WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM trade
        WHERE ts_recv >= %(after)s
          AND ts_recv < now() - %(seconds)s * interval '1 second'
          AND (exchange, symbol, series, trade_id) NOT IN (
              SELECT exchange, symbol, close_key[1], close_key[2] FROM newest_minute
          )
        ORDER BY ts_recv
        LIMIT %(limit)s
    ))
    RETURNING ts_recv
)
SELECT count(*), max(ts_recv)::text FROM gone
"""


def prune_trades(
    connection: Connection, older_than_s: int, after: str = "-infinity", limit: int = PORTION
) -> tuple[int, str | None]:
    """Delete the ``limit`` trades that were received first, of those older than that.

    Returns how many went, and up to where, for ``after`` of the next portion: what is deleted and
    not yet vacuumed is not walked over again.
    """
    row = connection.execute(
        _PRUNE, {"after": after, "seconds": older_than_s, "limit": limit}
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def prune_gaps(connection: Connection, older_than_s: int, limit: int = PORTION) -> int:
    """Delete so many gaps that were filled so long ago; return how many went.

    What could not be filled stays: it says for ever why these trades are missing.
    """
    return connection.execute(
        """
        DELETE FROM gap WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM gap
            WHERE state = 'filled'
              AND opened_at < now() - %(seconds)s * interval '1 second'
              AND closed_at < now() - %(seconds)s * interval '1 second'
            ORDER BY opened_at
            LIMIT %(limit)s
        ))
        """,
        {"seconds": older_than_s, "limit": limit},
    ).rowcount

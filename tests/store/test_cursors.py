import psycopg
import pytest

from store import cursors
from store.pool import Connection, connect


def test_position_is_what_was_saved_last(connection: Connection) -> None:
    assert cursors.lock(connection, "persister", "binance") is None
    assert cursors.read(connection, "persister") == {}
    cursors.save(connection, "persister", "binance", 1 << 40, 5)
    cursors.save(connection, "persister", "binance", 1 << 41, 2)
    cursors.save(connection, "persister", "coinbase", 9, 9)
    cursors.save(connection, "alerter", "binance", 1, 1)
    assert cursors.lock(connection, "persister", "binance") == (1 << 41, 2)
    assert cursors.read(connection, "persister") == {
        "binance": (1 << 41, 2),
        "coinbase": (9, 9),
    }


def test_locked_position_is_nobody_elses_until_the_commit(
    connection: Connection, database: str
) -> None:
    cursors.save(connection, "persister", "binance", 1, 1)
    with connect(database, program="other") as other:
        other.execute("SET lock_timeout = '50ms'")
        with connection.transaction():
            cursors.lock(connection, "persister", "binance")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                cursors.lock(other, "persister", "binance")
            cursors.save(connection, "persister", "binance", 1, 2)
            assert cursors.read(other, "persister") == {"binance": (1, 1)}
        assert cursors.lock(other, "persister", "binance") == (1, 2)

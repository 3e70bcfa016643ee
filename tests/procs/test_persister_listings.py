"""What the feeds say of their symbols reaches Postgres, and never stands in the trades' way."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bus.messages import FeedStatus, SymbolStatus, encode
from procs.persister.persister import BESIDE_RETRY_US
from store import pool
from tests.procs.fix_persister import same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
BITCOIN = SymbolStatus("BTC-USD", "live", 7, 3, True, "0.01", "0.00000001")
ETHER = SymbolStatus("ETH-USD", "never received", None, 0, False)
UNKNOWN = SymbolStatus("SOL-USD", "live", 7, 3)


def status(*symbols: SymbolStatus) -> bytes:
    return encode(
        FeedStatus(
            *("coinbase", "connected", "closed", 1, 0, None, None, True),
            list(symbols),
        )
    )


def rows(connection: pool.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT exchange, symbol, listed, tick_size, size_step FROM symbol ORDER BY 1, 2"
    ).fetchall()


WRITTEN = [
    ("coinbase", "BTC-USD", True, Decimal("0.01"), Decimal("0.00000001")),
    ("coinbase", "ETH-USD", False, None, None),
]


def test_what_is_known_is_written_once(persisting: Persist, connection: pool.Connection) -> None:
    one = persisting()
    one.live()
    one.tell(status(BITCOIN, ETHER, UNKNOWN))
    one.live()
    assert rows(connection) == WRITTEN
    connection.execute("DELETE FROM symbol")  # who writes again what has not changed is seen
    one.tell(status(BITCOIN, ETHER, UNKNOWN))
    one.live(3)
    assert rows(connection) == []
    one.tell(status(BITCOIN, SymbolStatus("ETH-USD", "live", 9, 9, True, "0.1", None)))
    one.live()
    assert rows(connection) == [("coinbase", "ETH-USD", True, Decimal("0.1"), None)]


def test_a_feed_that_does_not_know_yet_changes_nothing(
    persisting: Persist, connection: pool.Connection
) -> None:
    first = persisting()
    first.live()
    first.tell(status(BITCOIN, ETHER))
    first.live()
    first.die()
    second = persisting()
    second.live()
    second.tell(
        status(SymbolStatus("BTC-USD", "live", 7, 3), SymbolStatus("ETH-USD", "live", 7, 3))
    )
    second.live()
    assert rows(connection) == WRITTEN


def test_a_database_that_was_away_has_it_afterwards(
    persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    healthy, one.dsn = one.dsn, "host=127.0.0.1 port=1 dbname=nothing"
    one.tell(status(BITCOIN, ETHER))
    one.live(3)
    assert one.health.state == "waiting: database"
    one.dsn = healthy
    one.live(2)
    assert rows(connection) == WRITTEN


def test_a_connection_that_is_cut_is_noticed_and_what_stands_there_is_believed_no_more(
    persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    one.tell(status(BITCOIN))
    one.live()
    connection.execute("DELETE FROM symbol")
    connection.execute("SELECT pg_terminate_backend(%s)", [one.connections[-1].info.backend_pid])
    one.tell(status(BITCOIN, ETHER))
    one.live(3)
    assert one.health.counters["database_lost"] == 1
    assert one.health.state == "ready"
    assert rows(connection) == WRITTEN


def test_a_locked_table_delays_no_trade(
    record: Journalling, persisting: Persist, connection: pool.Connection, database: str
) -> None:
    one = persisting()
    one.live()
    with pool.connect(database, program="tests") as other, other.transaction():
        other.execute("LOCK TABLE symbol")
        one.tell(status(BITCOIN, ETHER))
        one.take(record.append(random_trades(5, 50, 1)))
        one.live(3, 100_000)
        same(connection, record.trades)
        assert one.health.state == "ready"
        assert one.health.counters["database_lost"] == 0
    assert rows(connection) == []
    one.live(1, BESIDE_RETRY_US)
    assert rows(connection) == WRITTEN

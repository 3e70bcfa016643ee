"""A database that refuses for a while, or is slow: waited for, with an alarm, and nothing is lost.

The refusals are real: a database made read-only (25006), a table on a file system that is full
(53100). Where no file system can be mounted, a trigger that raises 53100 stands in for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from procs.persister.gathering import GROUP_TRADES
from store import pool
from tests import needed
from tests.fix_disk import Disk
from tests.procs.fix_persister import chunks, same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
ALARM = ("error", "database.away")
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.1); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT OR UPDATE ON cursor
FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""


def endure(
    record: Journalling,
    one: Persisting,
    connection: pool.Connection,
    code: str,
    *,
    refuse: Callable[[], None],
    allow: Callable[[], None],
) -> None:
    """Let the database refuse for some simulated seconds; compare what it has in the end."""
    parts = chunks(random_trades(8, 1_600, 1), 100)
    one.live()
    for part in parts[:2]:
        one.take(record.append(part))
        one.live()
    assert one.health.state == "ready"
    refuse()
    for second, part in enumerate(parts[2:14]):
        one.take(record.append(part))
        one.live()  # it never raises: that would be a restart
        assert one.health.state == "waiting: database"
        assert (ALARM in one.said.events) == (second >= 5)
        assert one.health.queue == 0
    assert code in (one.health.last_error or "")
    assert one.said.events.count(ALARM) == 1
    same(connection, record.trades[:200])
    allow()
    for part in parts[14:]:
        one.take(record.append(part))
        one.live()
    assert one.health.state == "ready"
    same(connection, record.trades)
    assert one.health.counters["poisonous"] == 0


def test_f9_a_database_that_is_read_only_is_waited_for(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    [(name,)] = connection.execute("SELECT current_database()").fetchall()

    def read_only(value: str) -> None:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ WRITE")
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    endure(
        *(record, one, connection, "read-only"),
        refuse=lambda: read_only("on"),
        allow=lambda: read_only("off"),
    )


@contextmanager
def small_table(connection: pool.Connection, disk: Disk) -> Iterator[None]:
    """Let the trades rest on a small file system."""
    place = disk.path / "space"
    place.mkdir()
    try:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    except psycopg.errors.InsufficientPrivilege:
        needed.lacking("Postgres may not enter the small file system: a full one was NOT tried")
    connection.execute("ALTER TABLE trade SET TABLESPACE small")
    try:
        yield
    finally:
        connection.execute("ALTER TABLE trade SET TABLESPACE pg_default")
        connection.execute("DROP TABLESPACE small")


def test_f9_a_database_whose_disk_is_full_is_waited_for(
    disk: Disk, record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    with small_table(connection, disk):
        one = persisting()
        endure(
            *(record, one, connection, "No space left on device"),
            refuse=disk.fill,
            allow=disk.heal,
        )
        one.die()


def test_f9_disk_full_as_a_trigger_raises_it_is_waited_for(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    connection.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'disk full'; END $$"
    )
    trigger = "BEFORE INSERT ON candle FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"

    def refuse() -> None:
        connection.execute(f"CREATE TRIGGER full_disk {trigger}")

    def allow() -> None:
        connection.execute("DROP TRIGGER full_disk ON candle")

    endure(record, persisting(), connection, "disk full", refuse=refuse, allow=allow)


def test_f10_with_slow_commits_batches_grow_to_the_cap_and_what_waits_is_bounded(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    connection.execute(SLOW)
    trades = random_trades(9, 6_000, 1)
    held = 0
    for burst in chunks(trades, 3_000):  # what a feed brings while one commit lasts
        for part in chunks(burst, 50):
            one.take(record.append(part))
            held = max(held, one.health.queue)
            if one.health.queue >= GROUP_TRADES:
                one.actor.on_wake(one.clock.now)
        one.live()
    assert one.health.counters["transactions"] <= 4
    assert GROUP_TRADES <= held < GROUP_TRADES + 50
    assert one.health.counters["database_lost"] == 0
    same(connection, trades)


def test_f10_a_slow_database_keeps_no_heartbeat_waiting_for_more_than_one_group(
    tmp_path: Path, persisting: Persist, connection: pool.Connection
) -> None:
    journals = [Journalling(tmp_path, name) for name in ("binance", "coinbase", "kraken")]
    for journal in journals:
        journal.append(random_trades(1, 30, 1))
    one = persisting()
    now = one.clock.now
    stored = []
    for call in (one.actor.on_tick, one.actor.on_wake, one.actor.on_wake, one.actor.on_wake):
        call(now)
        stored.append(one.health.counters["transactions"])
    assert stored == [1, 2, 3, 3]
    one.actor.on_drain(now)
    rows = connection.execute("SELECT exchange, count(*) FROM trade GROUP BY 1 ORDER BY 1")
    assert rows.fetchall() == [("binance", 30), ("coinbase", 30), ("kraken", 30)]
    for journal in journals:
        journal.writer.close()

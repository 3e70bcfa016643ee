"""What is too old is deleted beside the storing; nothing that was counted changes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bus.settings import Settings
from procs.persister.__main__ import limits
from procs.persister.persister import PRUNE_EVERY_US
from procs.persister.pruning import Limits, Pruning
from store import pool, retention
from tests.procs.fix_persister import chunks, same
from tests.procs.journalling import Journalling
from tests.procs.living import KEEP_ALL, Clock, Persisting
from tests.store.folding import random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
WEEK = KEEP_ALL._replace(trades_s=7 * 86_400)
COUNTED = "SELECT * FROM candle ORDER BY 1, 2, 3, 4"
AVERAGES = "SELECT * FROM hourly_averages ORDER BY pair, hour_start_utc"


def rows(connection: pool.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize(("keep", "left"), [(WEEK, 1), (KEEP_ALL, 300)])
def test_pruned_trades_stay_counted_and_never_come_in_again(
    record: Journalling,
    tmp_path: Path,
    database: str,
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
    keep: Limits,
    left: int,
) -> None:
    monkeypatch.setattr(retention.prune_trades, "__defaults__", ("-infinity", 100))
    one = Persisting(tmp_path, database, Clock(), keep)
    one.live()
    trades = random_trades(1, 300, 3)
    for part in chunks(trades, 50):
        one.take(record.append(part))
    one.live()
    counted, averages = rows(connection, COUNTED), rows(connection, AVERAGES)
    last = rows(connection, "SELECT * FROM last_ticks")
    one.live(1, PRUNE_EVERY_US)
    assert one.prunings[-1].done.wait(10)
    one.live()
    assert rows(connection, "SELECT count(*) FROM trade") == [(left,)]
    assert one.health.counters["pruned"] == 300 - left
    assert (rows(connection, COUNTED), rows(connection, AVERAGES)) == (counted, averages)
    assert rows(connection, "SELECT * FROM last_ticks") == last
    record.begin_again()  # an old duplicate of each
    for part in chunks(trades, 50):
        one.take(record.append(part))
    one.live(2)
    assert one.health.counters["duplicates"] == 300
    assert one.health.counters["poisonous"] == 0
    assert rows(connection, "SELECT count(*) FROM trade") == [(left,)]
    assert rows(connection, COUNTED) == counted
    one.die()


def test_storing_does_not_wait_for_pruning(
    record: Journalling, tmp_path: Path, database: str, connection: pool.Connection
) -> None:
    one = Persisting(tmp_path, database, Clock(), WEEK)
    one.live()
    with pool.connect(database, program="tests") as other, other.transaction():
        other.execute("LOCK TABLE quarantine, gap IN SHARE MODE")
        one.live(1, PRUNE_EVERY_US)
        one.take(record.append(random_trades(2, 50, 1)))
        one.live(3)
        assert not one.prunings[-1].done.is_set()
        same(connection, record.trades)
        assert one.health.state == "ready"
    one.die()


def test_a_run_that_cannot_reach_the_database_says_so_and_ends(tmp_path: Path) -> None:
    connect = partial(pool.connect, f"host={tmp_path} dbname=nothing", program="pruning")
    run = Pruning(connect, WEEK)
    assert run.done.wait(10)
    assert run.error is not None
    assert run.pruned == 0


@pytest.mark.parametrize(("days", "seconds"), [(7, 604_800), (0, 900)])
def test_trades_are_kept_as_long_as_is_set_and_no_shorter_than_in_the_journal(
    days: int, seconds: int
) -> None:
    assert limits(Settings(trade_retention_days=days)).trades_s == seconds

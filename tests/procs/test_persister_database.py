"""The persister while its database breaks: every record once all the same."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from bus.errors import Fenced, SettingError
from procs.persister import ledger as ledger_module
from store import pool
from tests.procs.fix_persister import chunks, same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

SYMBOL = "ETH-USDT"


STEPS = ("candles.merge", "trades.mark_seen", "cursors.save")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_f3_a_connection_cut_at_any_step_of_the_transaction_stores_exactly_once(
    record: Journalling,
    persisting: Callable[[], Persisting],
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    one = persisting()
    one.live()
    module = getattr(ledger_module, step.partition(".")[0])
    name = step.partition(".")[2]
    whole = getattr(module, name)
    cuts: list[int] = []

    def cut(made: pool.Connection, *arguments: object) -> object:
        if len(cuts) < 2:
            result = whole(made, *arguments) if after else None
            cuts.append(made.info.backend_pid)
            connection.execute("SELECT pg_terminate_backend(%s)", [cuts[-1]])
            return result if after else whole(made, *arguments)
        return whole(made, *arguments)

    monkeypatch.setattr(module, name, cut)
    for part in chunks(random_trades(4, 120, 1), 40):
        one.take(record.append(part))
        one.live(3)
    assert len(cuts) == 2
    assert one.health.counters["database_lost"] >= 2
    assert one.health.state == "ready"
    same(connection, record.trades)


@pytest.mark.parametrize("reply_lost", [True, False])
def test_f3_a_commit_whose_answer_is_lost_is_not_done_twice(
    record: Journalling,
    persisting: Callable[[], Persisting],
    connection: pool.Connection,
    monkeypatch: pytest.MonkeyPatch,
    reply_lost: bool,
) -> None:
    one = persisting()
    one.live()
    store = ledger_module.Ledger.store
    lost: list[int] = []

    def stored_and_cut(self: ledger_module.Ledger, records: Any) -> Any:
        if lost:
            return store(self, records)
        lost.append(1)
        if reply_lost:
            store(self, records)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(ledger_module.Ledger, "store", stored_and_cut)
    one.take(record.append(random_trades(5, 50, 1)))
    one.live(3)
    assert lost == [1]
    same(connection, record.trades)
    assert one.health.counters["duplicates"] == 0


def test_f3_a_killed_persister_is_followed_by_one_that_goes_on_at_the_cursor(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    trades = random_trades(6, 400, 1)
    for number, part in enumerate(chunks(trades, 20)):
        record.append(part)
        if number % 4 == 3:
            one = persisting()
            one.live()
            one.take(record.append([]))
            one.die()
    last = persisting()
    last.live()
    same(connection, trades)
    assert last.health.counters["duplicates"] == 0


def test_f23_another_persister_that_moved_the_cursor_fences_this_one(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    parts = chunks(random_trades(7, 60, 1), 20)
    record.append(parts[0])
    one, other = persisting(), persisting()
    one.live()
    other.live()
    body = record.append(parts[1])
    other.take(body)
    other.live()
    one.take(body)
    with pytest.raises(Fenced):
        one.live()
    one.die()
    third = persisting()
    third.take(record.append(parts[2]))
    third.live()
    same(connection, record.trades)


def test_f8_a_database_that_is_away_is_waited_for_and_nothing_is_lost(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    parts = chunks(random_trades(8, 300, 1), 20)
    one = persisting()
    one.live()
    healthy = one.dsn
    for number, part in enumerate(parts):
        if number == 4:
            one.dsn = "host=127.0.0.1 port=1 dbname=nothing"
            connection.execute(
                "SELECT pg_terminate_backend(%s)", [one.connections[-1].info.backend_pid]
            )
        if number == 11:
            one.dsn = healthy
        one.take(record.append(part))
        if 5 <= number < 11:  # what the bus brings is let go: the journal has it
            assert one.health.queue == 0
        one.live()
        if 5 <= number < 11:
            assert one.health.state == "waiting: database"
            assert not one.actor.busy()
    one.live(3)
    assert (one.health.state, one.health.queue) == ("ready", 0)
    same(connection, record.trades)


def test_the_wrong_kind_of_database_is_said_in_one_sentence(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    connection.execute("UPDATE instance SET kind = 'simulated'")
    with pytest.raises(SettingError, match="DATABASE_URL"):
        persisting().live()

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bus.errors import SchemaNewer, WrongDatabaseKind
from bus.settings import ROOT
from store import migrate as module
from store import pool
from store.migrate import is_current, migrate
from tests.eventually import eventually


@pytest.fixture
def connection(empty_database: str) -> Iterator[pool.Connection]:
    with pool.connect(empty_database, program="tests") as made:
        yield made


@pytest.fixture
def sql_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sql"
    shutil.copytree(module.SQL_DIR, folder)
    monkeypatch.setattr(module, "SQL_DIR", folder)
    return folder


def names(connection: pool.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM schema_version ORDER BY name")
    return [name for (name,) in rows]


def exists(connection: pool.Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    assert row is not None
    return bool(row[0])


def test_empty_database_is_not_current_until_it_is_migrated(connection: pool.Connection) -> None:
    assert not is_current(connection)
    migrate(connection, simulated=True)
    assert is_current(connection)
    assert names(connection) == sorted(path.name for path in module.SQL_DIR.glob("*.sql"))


def test_second_migration_changes_nothing(connection: pool.Connection) -> None:
    migrate(connection, simulated=True)
    before = connection.execute("SELECT * FROM schema_version, instance").fetchall()
    migrate(connection, simulated=True)
    assert connection.execute("SELECT * FROM schema_version, instance").fetchall() == before


def test_reader_waits_while_a_file_is_missing(connection: pool.Connection, sql_dir: Path) -> None:
    migrate(connection, simulated=True)
    (sql_dir / "9000_more.sql").write_text("CREATE TABLE more ()")
    assert not is_current(connection)
    migrate(connection, simulated=True)
    assert is_current(connection)


def test_concurrent_starts_migrate_once(empty_database: str) -> None:
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def one() -> None:
        try:
            with pool.connect(empty_database, program="tests") as own:
                start.wait(10)
                migrate(own, simulated=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    with pool.connect(empty_database, program="tests") as connection:
        assert is_current(connection)


def test_file_that_fails_leaves_nothing_and_runs_again(
    connection: pool.Connection, sql_dir: Path
) -> None:
    more = sql_dir / "9000_more.sql"
    more.write_text("CREATE TABLE half (); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(connection, simulated=True)
    assert not exists(connection, "half")
    more.write_text("CREATE TABLE half ()")
    migrate(connection, simulated=True)
    assert exists(connection, "half")


MIGRATE_IN = """
import sys, pathlib
from store import migrate, pool
migrate.SQL_DIR = pathlib.Path(sys.argv[2])
migrate.migrate(pool.connect(sys.argv[1], program="tests"), simulated=True)
"""


def test_kill_in_the_middle_of_a_file_leaves_nothing_and_blocks_nobody(
    connection: pool.Connection, empty_database: str, sql_dir: Path
) -> None:
    more = sql_dir / "9000_more.sql"
    more.write_text("CREATE TABLE half (); SELECT pg_sleep(60);")
    killed = subprocess.Popen(
        [sys.executable, "-c", MIGRATE_IN, empty_database, str(sql_dir)], cwd=ROOT
    )
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    eventually(lambda: connection.execute(sleeping).fetchone(), within=20)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    more.write_text("CREATE TABLE half ()")
    migrate(connection, simulated=True)
    assert exists(connection, "half")
    assert is_current(connection)


def test_changed_file_is_refused(connection: pool.Connection, sql_dir: Path) -> None:
    migrate(connection, simulated=True)
    with (sql_dir / "0001_trade.sql").open("a") as file:
        file.write("-- a word more\n")
    for refused in (lambda: migrate(connection, True), lambda: is_current(connection)):
        with pytest.raises(SchemaNewer, match=r"0001_trade\.sql"):
            refused()


def test_newer_schema_is_refused_before_anything_is_written(
    connection: pool.Connection, sql_dir: Path
) -> None:
    newer = sql_dir / "9000_newer.sql"
    newer.write_text("SELECT 1")
    migrate(connection, simulated=True)
    newer.unlink()
    (sql_dir / "8000_own.sql").write_text("CREATE TABLE own ()")
    with pytest.raises(SchemaNewer, match=r"9000_newer\.sql"):
        migrate(connection, simulated=True)
    assert not exists(connection, "own")


@pytest.mark.parametrize("simulated", [True, False])
def test_database_of_the_other_kind_is_refused(
    connection: pool.Connection, simulated: bool
) -> None:
    migrate(connection, simulated)
    migrate(connection, simulated)
    assert is_current(connection, simulated)
    with pytest.raises(WrongDatabaseKind, match="simulated"):
        migrate(connection, not simulated)
    with pytest.raises(WrongDatabaseKind, match="live"):
        is_current(connection, not simulated)


def test_refusal_lets_go_of_the_lock(connection: pool.Connection, empty_database: str) -> None:
    migrate(connection, simulated=True)
    with pytest.raises(WrongDatabaseKind):
        migrate(connection, simulated=False)
    with pool.connect(empty_database, program="tests") as other:
        migrate(other, simulated=True)

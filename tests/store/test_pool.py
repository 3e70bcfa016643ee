import asyncio
import time
from pathlib import Path

import psycopg
import pytest

from bus.errors import SettingError
from store.pool import Connection, Pool, connect, is_refusal, is_waitable, open_pool
from tests.fix_postgres import Server


def setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_f28_connection_has_its_limits_and_waits_for_the_disk_whatever_the_database_says(
    database: str,
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        row = owner.execute("SELECT current_database()").fetchone()
        assert row is not None
        owner.execute(f"ALTER DATABASE {row[0]} SET synchronous_commit = off")
    with connect(database, program="persister") as made:
        assert setting(made, "statement_timeout") == "15s"
        assert setting(made, "lock_timeout") == "5s"
        assert setting(made, "synchronous_commit") == "on"
        assert setting(made, "application_name") == "tickwire-persister"
        assert setting(made, "timezone") == "UTC"


def test_database_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError) as refused:
        connect(f"host={tmp_path} dbname=tickwire", program="tests")
    assert is_waitable(refused.value)


def test_lost_connection_is_waited_for(connection: Connection, database: str) -> None:
    with connect(database, program="other") as other:
        connection.execute("SELECT pg_terminate_backend(%s)", [other.info.backend_pid])
        for _ in range(2):  # as it breaks, and once it is known to be broken
            with pytest.raises(psycopg.OperationalError) as lost:
                other.execute("SELECT 1")
            assert is_waitable(lost.value)


KINDS = {
    "waited for": {
        *("08", "40", "53", "57", "58", "XX"),
        *("25006", "25P03", "25P04", "42501", "55006", "55P03"),
    },
    "a row's own fault": {"21", "22", "23", "54"},
}
"""SQLSTATEs and whole classes of them; every other one is a mistake of ours."""


def test_every_sqlstate_is_either_waited_for_or_a_rows_fault_or_our_mistake() -> None:
    kinds = psycopg.errors._sqlcodes.values()
    known = {kind.sqlstate: kind("why") for kind in kinds if kind.sqlstate is not None}
    assert len(known) > 200
    for code, error in known.items():
        expected = [kind for kind, codes in KINDS.items() if code in codes or code[:2] in codes]
        judged = {"waited for": is_waitable(error), "a row's own fault": is_refusal(error)}
        assert [kind for kind, found in judged.items() if found] == expected, code


def test_an_error_without_a_code_is_the_connections_or_the_rows() -> None:
    assert is_waitable(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert not is_refusal(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert is_refusal(psycopg.DataError("text fields cannot contain NUL (0x00) bytes"))
    assert not is_waitable(psycopg.DataError("text fields cannot contain NUL (0x00) bytes"))
    for error in (psycopg.InterfaceError("misused"), KeyError("a mistake")):
        assert not is_waitable(error)
        assert not is_refusal(error)


@pytest.mark.parametrize(
    "statement",
    [
        "SET transaction_read_only = on; CREATE TABLE refused ()",
        "SET statement_timeout = '10ms'; SELECT pg_sleep(10)",
        "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '53300'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '57P03'; END $$",
        "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$",
    ],
)
def test_trouble_that_passes_is_waited_for(connection: Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error) as passing:
        connection.execute(statement.encode())
    assert is_waitable(passing.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT 1 / 0",
        "INSERT INTO cursor (consumer) VALUES ('x')",
        "INSERT INTO trade_seen VALUES ('x', 'y', 0, '{}'), ('x', 'y', 0, '{}')",
    ],
)
def test_our_own_mistakes_are_not_waited_for(connection: Connection, statement: str) -> None:
    with pytest.raises(psycopg.Error) as mistake:
        connection.execute(statement.encode())
    assert not is_waitable(mistake.value)
    assert not is_waitable(ValueError("not the database's"))


async def _one(pool: Pool) -> int:
    async with pool.connection() as made:
        row = await (await made.execute("SELECT pg_backend_pid()")).fetchone()
        assert row is not None
        return int(row[0])


async def _eventually_one(pool: Pool, within: float) -> int:
    until = time.monotonic() + within
    while True:
        try:
            return await _one(pool)
        except psycopg.OperationalError as error:
            if not is_waitable(error) or time.monotonic() > until:
                raise


def test_pool_opens_without_a_database_and_works_once_there_is_one(tmp_path: Path) -> None:
    async def main() -> None:
        server = None
        dsn = Server.address(tmp_path)
        pool = await open_pool(dsn, 2)
        try:
            with pytest.raises(psycopg.OperationalError) as down:
                await _one(pool)
            assert is_waitable(down.value)
            server = Server(tmp_path)
            await asyncio.to_thread(server.wait)
            await _eventually_one(pool, within=15)
        finally:
            await pool.close()
            if server is not None:
                await asyncio.to_thread(server.remove)

    asyncio.run(main())


def test_pool_replaces_a_connection_that_was_cut(connection: Connection, database: str) -> None:
    async def main() -> None:
        pool = await open_pool(database, 1)
        try:
            first = await _one(pool)
            connection.execute("SELECT pg_terminate_backend(%s)", [first])
            assert await _one(pool) != first
        finally:
            await pool.close()

    asyncio.run(main())


def test_an_address_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(SettingError) as refused:
        connect("postgresql://user:secret%zz@host/name", program="test")
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__

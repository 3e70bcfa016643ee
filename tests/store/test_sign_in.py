"""Attempts to sign in: exactly so many a minute, however many ask at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from store.pool import Connection, Pool, open_pool
from store.sign_in import PRUNED, WINDOW_S, Attempt, attempt

T = TypeVar("T")
LIMIT = 5


def on(dsn: str, work: Callable[[Pool], Awaitable[T]], size: int = 1) -> T:
    """Return what becomes of work on a pool."""

    async def run() -> T:
        pool = await open_pool(dsn, size)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def several(dsn: str, *who: tuple[str, str]) -> list[Attempt]:
    """Attempts of (address, account), one after another."""

    async def work(pool: Pool) -> list[Attempt]:
        return [await one(pool, *each) for each in who]

    return on(dsn, work)


async def one(pool: Pool, address: str, account: str) -> Attempt:
    return await attempt(pool, [("address", address), ("account", account)], LIMIT)


def age(connection: Connection, seconds: float) -> None:
    """Let all that is remembered have been so much earlier."""
    connection.execute(
        """
        UPDATE sign_in SET
            attempts = ARRAY(
                SELECT one - %(by)s * interval '1 second' FROM unnest(attempts) AS one
            ),
            forgotten_at = forgotten_at - %(by)s * interval '1 second'
        """,
        {"by": seconds},
    )


def test_five_pass_and_the_sixth_is_told_how_long_to_wait(database: str) -> None:
    made = several(database, *[("192.0.2.1", "anna")] * 7)
    assert [each.remaining for each in made] == [4, 3, 2, 1, 0, 0, 0]
    assert [each.wait_us == 0 for each in made] == [True] * 5 + [False] * 2
    for each in made[5:]:
        assert 0 < each.wait_us <= each.reset_us <= WINDOW_S * 1_000_000
        assert each.wait_us > (WINDOW_S - 30) * 1_000_000


def test_an_account_is_guarded_against_many_addresses_and_an_address_against_many_names(
    database: str,
) -> None:
    made = several(database, *[(f"192.0.2.{number}", "anna") for number in range(7)])
    assert [each.wait_us == 0 for each in made] == [True] * 5 + [False] * 2
    made = several(database, *[("198.51.100.1", f"name {number}") for number in range(7)])
    assert [each.wait_us == 0 for each in made] == [True] * 5 + [False] * 2
    # What was refused for the account was not counted against the address.
    assert several(database, ("192.0.2.6", "bert"))[0].remaining == LIMIT - 1


def test_in_no_minute_there_are_more_than_five(database: str, connection: Connection) -> None:
    several(database, *[("192.0.2.1", "anna")] * 3)
    age(connection, 30)
    assert [each.wait_us == 0 for each in several(database, *[("192.0.2.1", "anna")] * 3)] == [
        *(True, True, False)
    ]
    age(connection, WINDOW_S - 30 + 1)
    # The first three are forgotten, the two of half a minute later are not.
    assert [each.remaining for each in several(database, *[("192.0.2.1", "anna")] * 3)] == [2, 1, 0]
    age(connection, WINDOW_S + 1)
    assert several(database, ("192.0.2.1", "anna"))[0] == Attempt(4, WINDOW_S * 1_000_000, 0)


def test_who_is_refused_waits_no_longer_for_having_asked(
    database: str, connection: Connection
) -> None:
    several(database, *[("192.0.2.1", "anna")] * 20)
    age(connection, WINDOW_S + 1)
    assert several(database, ("192.0.2.1", "anna"))[0].wait_us == 0


def test_of_twenty_at_once_on_twenty_connections_exactly_five_pass(database: str) -> None:
    async def work(pool: Pool) -> list[Attempt]:
        # Each names both, and every other one in another order of their hashes.
        return await asyncio.gather(
            *(one(pool, "192.0.2.1", f"name {number % 2}") for number in range(20))
        )

    made = on(database, work, size=20)
    assert sum(each.wait_us == 0 for each in made) == LIMIT
    assert sorted(each.remaining for each in made if each.wait_us == 0)[0] == 0


def test_rows_that_mean_nothing_any_more_go(database: str, connection: Connection) -> None:
    count = "SELECT count(*) FROM sign_in"
    several(database, *[(f"192.0.2.{number}", f"name {number}") for number in range(20)])
    assert connection.execute(count).fetchone() == (40,)
    age(connection, WINDOW_S + 1)
    several(database, *[("198.51.100.1", "anna")] * (40 // PRUNED))
    assert connection.execute(count).fetchone() == (2,)


def test_no_name_is_stored_and_none_is_too_long_or_strange(
    database: str, connection: Connection
) -> None:
    names = ["anna@example.com", "x" * 100_000, "\0", "\ud800", "'; DROP TABLE sign_in; --", ""]
    made = several(database, *[(f"192.0.2.{number}", name) for number, name in enumerate(names)])
    assert [each.remaining for each in made] == [4] * len(names)
    rows = connection.execute("SELECT s::text FROM sign_in AS s").fetchall()
    assert len(rows) == 2 * len(names)
    assert not any("anna" in text for (text,) in rows)

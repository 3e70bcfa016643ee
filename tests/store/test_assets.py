"""The table of assets follows the code."""

from market.symbols import ASSETS
from store import assets, pool
from store.migrate import migrate


def rows(connection: pool.Connection) -> list[tuple[str, str, str]]:
    return connection.execute("SELECT code, coin_id, name FROM asset ORDER BY code").fetchall()


def versions(connection: pool.Connection) -> list[tuple[str, str]]:
    """Return which transaction wrote each row."""
    return connection.execute("SELECT code, xmin::text FROM asset ORDER BY code").fetchall()


def test_a_migrated_database_has_every_asset(connection: pool.Connection) -> None:
    assert rows(connection) == sorted(ASSETS)


def test_filling_again_writes_nothing(connection: pool.Connection) -> None:
    before = versions(connection)
    assets.fill(connection)
    assert versions(connection) == before
    connection.execute("UPDATE asset SET name = name WHERE code = 'BTC'")  # the negative control
    assert versions(connection) != before


def test_what_is_not_as_in_the_code_is_made_so_by_the_next_migration(
    connection: pool.Connection,
) -> None:
    connection.execute("UPDATE asset SET coin_id = 'dogecoin', name = 'Doge' WHERE code = 'BTC'")
    connection.execute("DELETE FROM asset WHERE code = 'ETH'")
    connection.execute("INSERT INTO asset VALUES ('OLD', 'old-coin', 'Old')")
    assert rows(connection) != sorted(ASSETS)
    migrate(connection, simulated=False)
    assert rows(connection) == sorted(ASSETS)

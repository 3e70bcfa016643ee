"""The table of symbols: written when something is another than it was, and only then."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from store import pool, symbols
from store.symbols import Listed

BITCOIN = Listed("binance", "BTC-USDT", True, "0.01", "0.00001")


def rows(connection: pool.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT exchange, symbol, base, quote, tick_size, size_step, decimals, listed"
        " FROM symbol ORDER BY exchange, symbol"
    ).fetchall()


def stamps(connection: pool.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT symbol, updated_at FROM symbol").fetchall())


def test_a_symbol_has_its_parts_and_decimals(connection: pool.Connection) -> None:
    shiba = Listed("binance", "SHIB-USDT", True, "0.00000001", "1")
    ether = Listed("coinbase", "ETH-BTC", True, None, None)
    symbols.save(connection, [ether, BITCOIN, shiba])
    assert rows(connection) == [
        *(
            ("binance", "BTC-USDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), 2, True),
            ("binance", "SHIB-USDT", "SHIB", "USDT", Decimal("1E-8"), Decimal(1), 8, True),
            ("coinbase", "ETH-BTC", "ETH", "BTC", None, None, None, True),
        )
    ]


@pytest.mark.parametrize(
    ("tick_size", "decimals"), [("0.5", 1), ("0.25", 2), ("1", 0), ("10", 0), ("0.0100", 2)]
)
def test_decimals_follow_from_the_tick_size(
    connection: pool.Connection, tick_size: str, decimals: int
) -> None:
    symbols.save(connection, [BITCOIN._replace(tick_size=tick_size)])
    assert rows(connection)[0][6] == decimals


def test_only_a_change_is_written(connection: pool.Connection) -> None:
    other = Listed("binance", "ETH-USDT", True, "0.01", "0.0001")
    symbols.save(connection, [BITCOIN, other])
    before = stamps(connection)
    symbols.save(connection, [BITCOIN._replace(tick_size="0.010"), other])
    assert stamps(connection) == before
    symbols.save(connection, [BITCOIN, other._replace(tick_size="0.02")])
    after = stamps(connection)
    assert after["BTC-USDT"] == before["BTC-USDT"]
    assert after["ETH-USDT"] > before["ETH-USDT"]


def test_a_symbol_that_is_no_longer_listed_keeps_its_steps(connection: pool.Connection) -> None:
    symbols.save(connection, [BITCOIN])
    symbols.save(connection, [Listed("binance", "BTC-USDT", False, None, None)])
    assert rows(connection)[0][4:] == (Decimal("0.01"), Decimal("0.00001"), 2, False)


def test_a_locked_table_is_not_waited_for(connection: pool.Connection, database: str) -> None:
    with pool.connect(database, program="tests") as other, other.transaction():
        other.execute("LOCK TABLE symbol")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            symbols.save(connection, [BITCOIN])
    symbols.save(connection, [BITCOIN])
    assert len(rows(connection)) == 1


@pytest.mark.parametrize("tick_size", ["NaN", "Infinity", "0", "-1", "1e12"])
def test_what_is_no_step_is_refused(connection: pool.Connection, tick_size: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        symbols.save(connection, [BITCOIN._replace(tick_size=tick_size)])

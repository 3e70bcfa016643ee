"""The views of trades in dollars, for queries that know neither exchanges nor quotes."""

import hashlib
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bus.messages import Trade
from market.symbols import DOLLARS, coin_id
from store import pool, trades

START = 1_723_161_255_000_000
STORED = (
    ("coinbase", "BTC-USD", "60000.5", "0.25"),
    ("coinbase", "ETH-EUR", "2400", "1"),
    ("binance", "BTC-USDT", "60001", "0.5"),
    ("binance", "ETH-BTC", "0.04", "2"),
    ("binance", "ETH-USDC", "2600.10", None),
    ("binance", "PEPE-USDT", "0.00001", "1000"),
    ("binance", "USD-BTC", "0.00002", "1"),
)
"""(exchange, symbol, price, size); each a second after the one before."""


def at(number: int) -> datetime:
    return datetime.fromtimestamp(START // 1_000_000 + number, UTC)


@pytest.fixture
def stored(connection: pool.Connection) -> pool.Connection:
    for number, (exchange, symbol, price, size) in enumerate(STORED):
        ts = START + number * 1_000_000
        trade = Trade(symbol, number + 1, ts, ts, price, size, "buy")
        trades.copy(connection, exchange, [trade])
        trades.mark_seen(connection, exchange, {(symbol, 0): [(number + 1, number + 1)]})
    return connection


def select(connection: pool.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def test_prices_are_dollars_by_coin(stored: pool.Connection) -> None:
    assert select(
        stored, "SELECT coin_id, price, volume, timestamp FROM prices ORDER BY timestamp"
    ) == [
        ("bitcoin", Decimal("60000.5"), Decimal("0.25"), at(0)),
        ("bitcoin", Decimal(60001), Decimal("0.5"), at(2)),
        ("ethereum", Decimal("2600.10"), None, at(4)),
        ("pepe", Decimal("0.00001"), Decimal(1000), at(5)),
    ]
    for _, symbol, price, _ in STORED:
        if symbol in ("ETH-USDC", "PEPE-USDT"):
            (found,) = select(
                stored, f"SELECT price FROM prices WHERE coin_id = '{coin_id(symbol)}'"
            )
            assert found == (Decimal(price),)


def test_ticks_are_dollars_by_code(stored: pool.Connection) -> None:
    assert select(
        stored, "SELECT symbol, price, volume, timestamp FROM ticks ORDER BY timestamp DESC"
    ) == [
        ("PEPE", Decimal("0.00001"), Decimal(1000), at(5)),
        ("ETH", Decimal("2600.10"), None, at(4)),
        ("BTC", Decimal(60001), Decimal("0.5"), at(2)),
        ("BTC", Decimal("60000.5"), Decimal("0.25"), at(0)),
    ]


def test_a_price_has_an_id_that_follows_from_its_trade(stored: pool.Connection) -> None:
    found = {one for (one,) in select(stored, "SELECT id FROM prices")}
    keys = ("coinbase:BTC-USD:0:1", "binance:BTC-USDT:0:3", "binance:ETH-USDC:0:5")
    wanted = {uuid.UUID(hashlib.md5(key.encode()).hexdigest()) for key in keys}
    assert wanted < found
    assert len(found) == 4


def test_a_coin_that_is_renamed_has_its_new_id_at_once(stored: pool.Connection) -> None:
    stored.execute("INSERT INTO asset VALUES ('PEPE', 'pepe-the-frog', 'Pepe')")
    assert select(stored, "SELECT price FROM prices WHERE coin_id = 'pepe'") == []
    assert len(select(stored, "SELECT price FROM prices WHERE coin_id = 'pepe-the-frog'")) == 1


def test_the_database_and_the_code_know_the_same_dollars(connection: pool.Connection) -> None:
    ((source,),) = select(connection, "SELECT pg_get_functiondef('is_dollar(text)'::regprocedure)")
    assert set(re.findall(r"'([A-Z0-9]+)'", source)) == DOLLARS
    for quote in [*DOLLARS, "EUR", "BTC", "ETH", "usd", "", "USDX"]:
        row = connection.execute("SELECT is_dollar(%s)", [quote]).fetchone()
        assert row == (quote in DOLLARS,)


@pytest.mark.parametrize("view", ["prices", "ticks"])
def test_the_comment_says_what_is_left_out(connection: pool.Connection, view: str) -> None:
    ((comment,),) = select(connection, f"SELECT obj_description('{view}'::regclass)")
    assert "ETH-BTC never looks like a price" in comment


def test_a_coin_and_a_time_are_found_by_the_index(connection: pool.Connection) -> None:
    connection.execute(
        """
        INSERT INTO trade
        SELECT 'binance', base || '-USDT', 0, i, at, at, 1, 1, 'buy'
        FROM unnest(ARRAY['BTC', 'ETH', 'SOL', 'XRP', 'DOGE', 'ADA', 'DOT', 'UNI']) AS base,
             generate_series(1, 5000) AS i,
             LATERAL (SELECT '2026-01-01'::timestamptz + i * interval '1 minute' AS at) AS moment;
        INSERT INTO trade_seen SELECT DISTINCT exchange, symbol, 0, '{[1,5000]}'::int8multirange
        FROM trade;
        ANALYZE
        """
    )
    for view, coin in (("prices", "coin_id = 'bitcoin'"), ("ticks", "symbol = 'BTC'")):
        query = (
            f"SELECT * FROM {view} WHERE {coin} AND timestamp > '2026-01-04T10:00Z'"
            " ORDER BY timestamp DESC LIMIT 5"
        )
        assert len(select(connection, query)) == 5
        lines = [line for (line,) in select(connection, f"EXPLAIN {query}")]
        (condition,) = [line for line in lines if "Index Cond" in line and "ts_event" in line]
        assert "(exchange = " in condition
        assert "(symbol = " in condition

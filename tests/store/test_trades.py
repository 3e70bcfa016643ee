from decimal import Decimal
from itertools import pairwise
from random import Random

import psycopg
import pytest

from bus.messages import Trade
from store import trades
from store.instants import LATEST, text
from store.pool import Connection
from tests.store.folding import START, random_trades

COLUMNS = """SELECT symbol, trade_id, (extract(epoch FROM ts_event) * 1000000)::bigint,
    (extract(epoch FROM ts_recv) * 1000000)::bigint, price::text, size::text, side, series
    FROM trade ORDER BY ts_event"""


def test_copied_trades_come_back_to_the_last_digit_and_microsecond(
    connection: Connection,
) -> None:
    made = random_trades(1, 2000, 3)
    trades.copy(connection, "binance", made)
    trades.copy(connection, "binance", [])
    assert [Trade(*row) for row in connection.execute(COLUMNS)] == made


def test_moments_before_the_epoch_and_after_the_last_are_moved_inside() -> None:
    assert text(-1) == "1970-01-01T00:00:00.000000+00"
    assert text(1 << 70) == text(LATEST) == "9999-12-31T23:59:59.999999+00"


def test_trade_refuses_what_is_no_price_or_size(connection: Connection) -> None:
    for wrong in ("NaN", "Infinity", "-Infinity", "0", "-1", "1000000000000"):
        for price, size in ((wrong, "1"), ("1", wrong)):
            with pytest.raises(psycopg.errors.CheckViolation):
                trades.copy(
                    connection, "binance", [Trade("A-USD", 1, START, START, price, size, "buy")]
                )
    trades.copy(connection, "binance", [Trade("A-USD", 1, START, START, "1", "1", "buy")])


def test_same_id_is_refused_within_its_series_only(connection: Connection) -> None:
    first = Trade("A-USD", 7, START, START, "1", None, None)
    trades.copy(connection, "binance", [first])
    trades.copy(connection, "coinbase", [first])
    trades.copy(connection, "binance", [Trade("A-USD", 7, START, START, "2", None, None, 1)])
    with pytest.raises(psycopg.errors.UniqueViolation):
        trades.copy(connection, "binance", [Trade("A-USD", 7, START + 1, START, "3", "4", "buy")])
    prices = connection.execute("SELECT price FROM trade ORDER BY exchange, series").fetchall()
    assert prices == [(Decimal(1),), (Decimal(2),), (Decimal(1),)]


def test_the_last_trades_are_those_of_the_highest_ids_of_the_last_series(
    connection: Connection,
) -> None:
    made = random_trades(5, 20, 1)
    others = [
        Trade("A-USD", number, START, START, "1", None, None, number % 2) for number in (1, 2)
    ]
    trades.copy(connection, "binance", [*made, *others])
    trades.mark_seen(connection, "binance", {("ETH-USDT", 0): [(1, 5_000)]})
    trades.mark_seen(connection, "binance", {("A-USD", 0): [(2, 2)], ("A-USD", 1): [(1, 1)]})
    assert trades.newest(connection, "binance", 3) == {"ETH-USDT": made[-3:], "A-USD": others[:1]}
    assert trades.newest(connection, "coinbase", 3) == {}


def test_seen_ids_are_the_union_of_all_marks(connection: Connection) -> None:
    chance = Random(2)
    expected: dict[tuple[str, int], set[int]] = {}
    for _ in range(60):
        marks: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for _ in range(chance.randrange(1, 6)):
            key = (chance.choice(["A-USD", "B-USD"]), chance.randrange(2))
            low = chance.randrange(500)
            high = low + chance.randrange(20)
            marks.setdefault(key, []).append((low, high))
            expected.setdefault(key, set()).update(range(low, high + 1))
        trades.mark_seen(connection, "binance", marks)
    trades.mark_seen(connection, "coinbase", {("A-USD", 0): [(1, 1000)]})
    found = trades.seen(connection, "binance")
    assert {
        key: {number for low, high in ids for number in range(low, high + 1)}
        for key, ids in found.items()
    } == expected
    for ids in found.values():
        assert ids == sorted(ids)
        assert all(high + 1 < low for (_, high), (low, _) in pairwise(ids))


def test_ids_that_no_bigint_holds_are_passed_over(connection: Connection) -> None:
    big = 1 << 63
    trades.mark_seen(
        connection, "binance", {("A-USD", 0): [(5, 5), (big, big + 3), (big - 1, big - 1)]}
    )
    assert trades.seen(connection, "binance") == {("A-USD", 0): [(5, 5)]}


def test_nothing_marked_is_nothing_seen(connection: Connection) -> None:
    trades.mark_seen(connection, "binance", {})
    assert trades.seen(connection, "binance") == {}

"""What the database will never take: kept in the quarantine, and it holds up nothing."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from bus.messages import (
    FeedStatus,
    Gap,
    GapOpened,
    QuarantineBatch,
    Quarantined,
    SymbolStatus,
    Trade,
    encode,
)
from store import cursors, pool
from tests.procs.fix_persister import same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
SYMBOL = "ETH-USDT"
BIG = (1 << 64) - 1
"""The greatest number that MessagePack carries."""


def bad(trade_id: int, **changes: Any) -> Trade:
    return replace(Trade(SYMBOL, trade_id, START, START, "1", "1", "buy"), **changes)


def quarantined(connection: pool.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT symbol, trade_id, reason, seq FROM quarantine ORDER BY id"
    ).fetchall()


POISON = {
    "a price that the column refuses": bad(5_000, price="1000000000000"),
    "no price at all": bad(5_001, price="much"),
    "not a number": bad(5_002, price="NaN"),
    "a size of nothing": bad(5_003, size="0"),
    "a year that there is not": bad(5_005, ts_event=1 << 60),
    "an id that is no bigint": bad(BIG),
    "a series that is no integer": bad(5_007, series=BIG),
    "a tab": bad(5_008, price="1\t2"),
    "a NUL": bad(5_009, price="1\x00"),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_trade_that_cannot_be_stored_is_quarantined_and_all_others_are_stored(
    record: Journalling, persisting: Persist, connection: pool.Connection, poison: Trade
) -> None:
    one = persisting()
    one.live()
    trades = random_trades(1, 60, 1)
    one.take(record.append(trades[:20]), record.append([*trades[20:30], poison, *trades[30:]]))
    one.live()
    same(connection, trades)
    [(symbol, trade_id, reason, seq)] = quarantined(connection)
    if poison.series == BIG:  # no column holds it: it is in the frame
        assert (symbol, trade_id, seq) == (None, None, 2)
    else:
        expected = None if poison.trade_id == BIG else poison.trade_id
        assert (symbol, trade_id, seq) == (SYMBOL, expected, 2)
    assert reason.startswith("the database refuses it: ")
    assert cursors.read(connection, "persister")["binance"] == (record.writer.epoch, 2)
    assert one.health.counters["stored"] == 60
    assert one.health.counters["poisonous"] >= 1
    assert one.health.counters["database_lost"] == 0
    assert one.health.state == "ready"


def test_it_counts_as_seen_so_that_its_gap_closes_and_it_never_comes_again(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    one.take(
        record.add(lambda e, seq: GapOpened("binance", e, seq, [Gap(SYMBOL, 5, 7)], "missing"))
    )
    poison = bad(6, price="0")
    one.take(record.append([bad(5), poison, bad(7)]))
    one.live()
    assert connection.execute("SELECT state FROM gap").fetchall() == [("filled",)]
    assert connection.execute("SELECT ids::text FROM trade_seen").fetchall() == [("{[5,8)}",)]
    one.die()
    other = persisting()
    other.live()
    other.take(record.append([bad(6)]))
    other.live()
    same(connection, [bad(5), bad(7)])
    assert len(quarantined(connection)) == 1


def test_a_trade_that_stands_there_although_its_id_was_not_seen_is_counted_once(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    trades = random_trades(2, 40, 1)
    one = persisting()
    one.live()
    one.take(record.append(trades[:20]))
    one.live()
    one.die()
    ids = [trade.trade_id for trade in trades[:20]]
    for trade_id in ids[7:10]:  # the two tables disagree
        connection.execute(
            "UPDATE trade_seen SET ids = ids - int8multirange(int8range(%s, %s))",
            [trade_id, trade_id + 1],
        )
    other = persisting()
    other.live()
    other.take(record.append(trades[5:]))
    other.live()
    same(connection, trades)
    assert [row[1] for row in quarantined(connection)] == ids[7:10]
    assert other.health.counters["stored"] == 20


def test_items_of_the_quarantine_and_gaps_that_cannot_be_stored_hold_up_nothing(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    items = [
        Quarantined("A\x00B", 3, START, "NUL", "\x00"),
        Quarantined(SYMBOL, BIG, START, "an id that is no bigint", "{}"),
        Quarantined(SYMBOL, 4, START, "a series that is no integer", "{}", BIG),
        Quarantined(SYMBOL, 5, BIG, "a time that there is not", "{}"),
    ]
    gaps = [Gap(SYMBOL, 8, 9), Gap(SYMBOL, 9, 8), Gap(SYMBOL, 1, BIG), Gap("\x00", 1, 2)]
    one.take(record.add(lambda e, seq: QuarantineBatch("binance", e, seq, items)))
    one.take(record.add(lambda e, seq: GapOpened("binance", e, seq, gaps, "missing")))
    one.take(record.append(random_trades(3, 30, 1)))
    one.live()
    same(connection, record.trades)
    assert len(quarantined(connection)) == len(items)
    rows = connection.execute("SELECT first_id, last_id FROM gap").fetchall()
    assert rows == [(8, 9)]
    assert one.health.state == "ready"
    one.die()
    persisting().live()


def test_a_listing_that_cannot_be_stored_is_said_once_and_the_others_are_written(
    persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    symbols = [
        SymbolStatus("BTC-USD", "live", 7, 3, True, "0.01", None),
        SymbolStatus("ETH-USD", "live", 7, 3, True, "1000000000000", None),
    ]
    status = encode(
        FeedStatus(*("coinbase", "connected", "closed", 1, 0, None, None, True), symbols)
    )
    for _ in range(3):
        one.tell(status)
        one.live()
    assert connection.execute("SELECT symbol FROM symbol").fetchall() == [("BTC-USD",)]
    assert one.health.counters["poisonous"] == 1


def test_a_mistake_of_the_schema_is_no_trades_fault(
    record: Journalling, persisting: Persist, connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    connection.execute("ALTER TABLE trade RENAME TO elsewhere")
    one.take(record.append(random_trades(4, 10, 1)))
    with pytest.raises(psycopg.errors.UndefinedTable):
        one.live()
    assert quarantined(connection) == []
    one.die()
    connection.execute("ALTER TABLE elsewhere RENAME TO trade")
    persisting().live()
    same(connection, record.trades)

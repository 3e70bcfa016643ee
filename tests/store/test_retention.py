"""What is too old goes, in the order in which it came; what it was counted in stays."""

import time
from collections.abc import Sequence

import pytest

from bus.messages import Gap, Trade
from market import candle
from store import candles, gaps, retention, trades
from store.pool import Connection

pytestmark = pytest.mark.usefixtures("exact_decimals")

DAY_S = 86_400


def received(ages_s: Sequence[int], symbol: str = "A-USD") -> list[Trade]:
    """Return trades that were received so long ago, with ids from 1 on."""
    now = time.time_ns() // 1000
    return [
        Trade(symbol, number, now - age * 1_000_000, now - age * 1_000_000, "10", "1", "buy")
        for number, age in enumerate(ages_s, 1)
    ]


def stored(connection: Connection, found: Sequence[Trade]) -> None:
    trades.copy(connection, "binance", found)
    candles.merge(connection, "binance", candle.fold(found))


def left(connection: Connection) -> list[tuple[str, int]]:
    return connection.execute("SELECT symbol, trade_id FROM trade ORDER BY 1, 2").fetchall()


def test_trades_go_in_portions_by_when_they_were_received(connection: Connection) -> None:
    ages = [3 * DAY_S, 9 * DAY_S, 1, 8 * DAY_S, 10 * DAY_S]
    stored(connection, received(ages))
    first, after = retention.prune_trades(connection, 7 * DAY_S, limit=2)
    assert first == 2
    assert left(connection) == [("A-USD", 1), ("A-USD", 3), ("A-USD", 4)]
    assert after is not None
    assert retention.prune_trades(connection, 7 * DAY_S, after, limit=2)[0] == 1
    assert retention.prune_trades(connection, 7 * DAY_S) == (0, None)
    assert left(connection) == [("A-USD", 1), ("A-USD", 3)]


def test_the_newest_trade_of_each_symbol_stays_however_old(connection: Connection) -> None:
    for symbol in ("A-USD", "B-USD"):
        stored(connection, received([30 * DAY_S, 20 * DAY_S], symbol))
    before = connection.execute("SELECT * FROM last_ticks ORDER BY pair").fetchall()
    last = candles.last_trades(connection)
    assert retention.prune_trades(connection, 7 * DAY_S)[0] == 2
    assert left(connection) == [("A-USD", 2), ("B-USD", 2)]
    assert connection.execute("SELECT * FROM last_ticks ORDER BY pair").fetchall() == before
    assert candles.last_trades(connection) == last


def test_the_oldest_are_found_by_an_index_however_many_there_are(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO trade SELECT 'binance', 'A-USD', 0, n, at, at, 1, 1, 'buy'"
        " FROM (SELECT n, now() - interval '10 days' + n * interval '30 s' AS at"
        "       FROM generate_series(1, 30000) AS n)"
    )
    connection.execute("ANALYZE trade")
    given = {"after": "-infinity", "seconds": 7 * DAY_S, "limit": 100}
    plan = connection.execute("EXPLAIN " + retention._PRUNE, given).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Index Scan using trade_received on trade" in text
    assert "Tid Scan on trade" in text
    assert "Seq Scan on trade" not in text


def test_gaps_that_were_filled_long_ago_go_and_no_others(connection: Connection) -> None:
    found = [Gap("A-USD", 10 * n, 10 * n + 5) for n in range(5)]
    gaps.open(connection, "binance", found, "ids are missing")
    gaps.close(connection, "binance", found[:3], "filled")
    gaps.close(connection, "binance", found[3:4], "unfillable")
    connection.execute(
        "UPDATE gap SET opened_at = now() - interval '9 days', closed_at = closed_at - CASE"
        " WHEN first_id = 20 THEN interval '1 day' ELSE interval '8 days' END"
    )
    assert retention.prune_gaps(connection, 7 * DAY_S, limit=1) == 1
    assert retention.prune_gaps(connection, 7 * DAY_S) == 1
    assert retention.prune_gaps(connection, 7 * DAY_S) == 0
    kept = connection.execute("SELECT first_id, state FROM gap ORDER BY 1").fetchall()
    assert kept == [(20, "filled"), (30, "unfillable"), (40, "open")]

"""Candles of the exchanges' own in Postgres: as they came, with what was had of them."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from bus.messages import History, HistoryCandle
from store import history
from store.history import Ranges
from store.pool import Connection
from tests.store.asking import ask, store
from tests.store.folding import START, random_trades

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
KEY = ("binance", "ETH-USDT", 60)


def candle(ts_open: int, close: str = "11") -> HistoryCandle:
    return HistoryCandle(ts_open, "10.50", "12", "9.000000000000000001", close, "0")


def had(start: int, end: int, *candles: HistoryCandle) -> History:
    return History(*KEY, start, end, list(candles))


def rows(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT (extract(epoch FROM ts_open) * 1000000)::bigint, open::text, high::text, low::text,"
        " close::text, volume::text FROM candle_history ORDER BY 1"
    ).fetchall()


def test_candles_are_stored_to_the_last_digit_and_the_newer_answer_counts(
    connection: Connection,
) -> None:
    history.want(connection, {KEY: START + DAY})
    history.save(connection, had(START, START + HOUR, candle(START), candle(START + MINUTE)))
    before = connection.execute("SELECT max(updated_at) FROM candle_history").fetchone()
    history.save(connection, had(START, START + HOUR, candle(START), candle(START + MINUTE)))
    assert connection.execute("SELECT max(updated_at) FROM candle_history").fetchone() == before
    history.save(connection, had(START, START + HOUR, candle(START), candle(START + MINUTE, "12")))
    same = ("10.50", "12", "9.000000000000000001")
    assert rows(connection) == [(START, *same, "11", "0"), (START + MINUTE, *same, "12", "0")]


def test_what_was_had_is_remembered_be_it_nothing(connection: Connection) -> None:
    other = ("coinbase", "ETH-USD", 86400)
    history.want(connection, {KEY: START + DAY, other: START + 2 * DAY})
    assert history.ranges(connection) == {
        KEY: Ranges(START + DAY, []),
        other: Ranges(START + 2 * DAY, []),
    }
    history.save(connection, had(START, START + HOUR))
    history.save(connection, had(START + 2 * HOUR, START + 3 * HOUR))
    history.save(connection, had(START + HOUR, START + 90 * MINUTE))
    history.want(connection, {KEY: START + 3 * DAY})
    covered = [(START, START + 90 * MINUTE), (START + 2 * HOUR, START + 3 * HOUR)]
    assert history.ranges(connection)[KEY] == Ranges(START + 3 * DAY, covered)


def test_an_answer_that_is_refused_leaves_nothing_behind(connection: Connection) -> None:
    history.want(connection, {KEY: START + DAY})
    wrong = replace(candle(START + MINUTE), low="0")
    with pytest.raises(psycopg.errors.CheckViolation):
        history.save(connection, had(START, START + HOUR, candle(START), wrong))
    assert rows(connection) == []
    assert history.ranges(connection)[KEY].covered == []


def test_a_locked_table_is_not_waited_for(connection: Connection, database: str) -> None:
    history.want(connection, {KEY: START + DAY})
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE candle_history")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            history.save(connection, had(START, START + HOUR, candle(START)))


def test_the_newest_of_a_half_open_range_are_given_in_rising_order(
    connection: Connection, database: str
) -> None:
    history.want(connection, {KEY: START + DAY})
    history.save(
        connection, had(START, START + HOUR, *(candle(START + at * MINUTE) for at in range(9)))
    )

    def between(start: int, end: int, limit: int) -> list[int]:
        found = ask(database, lambda pool: history.newest(pool, *KEY, start, end, limit))
        assert all(row[1:] == ("10.50", "12", "9.000000000000000001", "11", "0") for row in found)
        return [row[0] * 1_000_000 for row in found]

    whole = [START + at * MINUTE for at in range(9)]
    assert between(0, 1 << 62, 100) == whole
    assert between(0, 1 << 62, 2) == whole[-2:]
    assert between(START + MINUTE, START + 8 * MINUTE, 100) == whole[1:-1]
    assert between(START + 1, START + 8 * MINUTE + 1, 100) == whole[1:]


def test_when_candles_begin_exact_or_not(connection: Connection, database: str) -> None:
    assert ask(database, lambda pool: history.begins(pool, *KEY[:2])) == {}
    trades = random_trades(1, 5, 1)
    store(connection, trades)
    first = trades[0].ts_event
    days = History(*KEY[:2], 86400, START - 9 * DAY, START, [candle(START - 9 * DAY)])
    late = had(START, START + 2 * DAY, candle(START + 2 * DAY))
    for found in (days, late):
        history.want(connection, {(*KEY[:2], found.interval_s): START + DAY})
        history.save(connection, found)
    assert ask(database, lambda pool: history.begins(pool, *KEY[:2])) == {
        60: first // MINUTE * MINUTE,
        3600: first // HOUR * HOUR,
        86400: START - 9 * DAY,
    }


def test_minutes_and_hourly_closes_of_each_symbol(connection: Connection, database: str) -> None:
    hours = History(
        *KEY[:2], 3600, START, START + DAY, [candle(START + at * HOUR) for at in (0, 5, 24)]
    )
    for found in (hours, had(START, START + HOUR, candle(START), candle(START + MINUTE))):
        history.want(connection, {(*KEY[:2], found.interval_s): START + DAY})
        history.save(connection, found)
    assert history.minutes_since(connection, "binance", START + 1) == {
        "ETH-USDT": [candle(START + MINUTE)]
    }
    assert history.minutes_since(connection, "coinbase", 0) == {}
    firsts = {KEY[:2]: START, ("binance", "BTC-USDT"): START}
    assert ask(database, lambda pool: history.closes(pool, firsts)) == {
        KEY[:2]: {START // 1_000_000: Decimal(11), (START + 5 * HOUR) // 1_000_000: Decimal(11)},
        ("binance", "BTC-USDT"): {},
    }

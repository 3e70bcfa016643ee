"""The aggregator's comparison of its candles with Postgres, on a real one."""

import pytest

from bus.messages import CandleUpdate, QuarantineBatch, Quarantined, Trade
from procs.aggregator.selfcheck import ALL_EVERY_US, CHECK_EVERY_US, WAIT_US
from store import pool
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.procs.living import Aggregating, Persisting
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000
NOWHERE = "host=127.0.0.1 port=1 dbname=nothing"


def trade(trade_id: int, ts: int, price: str = "10") -> Trade:
    return Trade("ETH-USDT", trade_id, START + ts, START + ts, price, "1", "buy")


def counted(one: Aggregating) -> tuple[int, int]:
    """Return how many checks were made and how many differences were found."""
    counters = one.health.counters
    return counters["self_check_runs"], counters["self_check_differences"]


def both(one: Aggregating, storing: Persisting, body: bytes) -> None:
    """Let both processes have a record and work on it."""
    one.take(body)
    one.live(3)
    storing.take(body)
    storing.live()


def plant(connection: pool.Connection, ts_open: int, interval_s: int = 60) -> None:
    """Change one stored candle."""
    done = connection.execute(
        "UPDATE candle SET high = high + 1 WHERE interval_s = %s"
        " AND ts_open = to_timestamp(%s::numeric / 1000000)",
        [interval_s, ts_open],
    )
    assert done.rowcount == 1


def test_after_much_traffic_late_trades_and_a_restart_all_candles_are_equal(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    trades = random_trades(11, 1500, 1)
    late = [one for index, one in enumerate(trades) if index % 17 == 5]
    timely = [one for index, one in enumerate(trades) if index % 17 != 5]
    one = start().based()
    for number in range(20):
        part = timely[number * 40 : number * 40 + 40] + late[number * 2 : number * 2 + 2]
        both(one, storing, record.append(part))
        if number % 5 == 4:
            one.checked()
    assert counted(one) == (4, 0)
    assert one.health.counters["self_check_candles"] > 500
    one = start().based()
    one.checked()
    both(one, storing, record.append(timely[800:] + late[40:]))
    one.checked()
    assert counted(one) == (2, 0)
    assert one.health.counters["self_check_candles"] > 500


def test_a_difference_is_counted_and_mended_within_one_check(
    record: Journalling, start: Start, storing: Persisting, connection: pool.Connection
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(5)]))
    one.live(3)
    storing.live()
    plant(connection, START + 2 * MINUTE_US)
    key = ("binance", "ETH-USDT", 60, START + 2 * MINUTE_US)
    assert one.newest[key].high == "10"
    one.checked()
    assert counted(one) == (1, 1)
    assert one.health.counters["self_check_differing"] == 1
    one.based()
    assert (one.newest[key].high, one.newest[key].closed) == ("11", True)
    one.checked()
    assert counted(one) == (2, 1)
    assert one.health.counters["self_check_differing"] == 0


def test_what_was_found_equal_is_looked_at_again_within_the_hour(
    record: Journalling, start: Start, storing: Persisting, connection: pool.Connection
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(5)]))
    one.live(3)
    storing.live()
    one.checked()
    plant(connection, START + 2 * MINUTE_US)
    one.checked()
    assert counted(one) == (2, 0)
    one.live(1, ALL_EVERY_US)
    assert one.readings[-1].done.wait(10)
    one.live(2)
    assert counted(one) == (3, 1)


@pytest.mark.parametrize("sql", ["DELETE FROM candle", "INSERT INTO candle SELECT * FROM extra"])
def test_a_candle_that_only_one_of_the_two_has_is_a_difference(
    record: Journalling,
    start: Start,
    storing: Persisting,
    connection: pool.Connection,
    sql: str,
) -> None:
    one = start().based()
    parts = [trade(number, number * MINUTE_US) for number in (0, 1, 3, 4)]
    one.take(record.append(parts))
    one.live(3)
    storing.live()
    where = f"interval_s = 60 AND ts_open = to_timestamp({(START + MINUTE_US) // 10**6})"
    connection.execute(
        f"CREATE TABLE extra AS SELECT * FROM candle WHERE {where};"
        " UPDATE extra SET ts_open = ts_open + interval '1 minute'"
    )
    connection.execute(f"{sql} WHERE {where}" if sql.startswith("DELETE") else sql)
    one.checked()
    assert counted(one) == (1, 1)


def test_trades_that_come_during_the_check_are_no_difference(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(1, 9)]))
    one.live(3)
    one.live(1, CHECK_EVERY_US)
    (reading,) = one.readings
    assert not reading.done.is_set()  # Postgres has nothing yet
    late = record.append([trade(20, 2 * MINUTE_US, "12")])
    storing.live()
    assert reading.done.wait(10)
    assert reading.cursors["binance"][1] == 2
    one.live(2)
    assert counted(one) == (0, 0)  # it has not come as far as Postgres
    one.take(late)
    one.live()
    assert counted(one) == (1, 0)
    assert one.health.counters["self_check_candles"] == 6  # but for the late one's
    one.checked()
    assert counted(one) == (2, 0)
    assert one.health.counters["self_check_candles"] == 8  # that one, and one that closed


def test_a_persister_that_is_behind_is_waited_for_and_then_left_out(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(5)]))
    one.live(3)
    one.live(1, CHECK_EVERY_US)
    one.live(1, WAIT_US)
    assert one.readings[0].done.wait(10)
    one.live()
    assert counted(one) == (1, 0)
    assert one.health.counters["self_check_candles"] == 0
    storing.live()
    one.checked()
    assert one.health.counters["self_check_candles"] > 0


def test_while_postgres_is_away_nothing_is_counted(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(5)]))
    one.live(3)
    storing.live()
    good, one.dsn = one.dsn, NOWHERE
    for _ in range(3):
        one.checked()
    assert counted(one) == (0, 0)
    one.dsn = good
    one.checked()
    assert counted(one) == (1, 0)


def test_another_journal_in_the_middle_of_a_check_is_no_difference(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    one.take(record.append([trade(number, number * MINUTE_US) for number in range(5)]))
    one.live(3)
    storing.live()
    one.live(1, CHECK_EVERY_US)
    assert one.readings[0].done.wait(10)
    record.begin_again()
    one.take(record.append([trade(7, 0, "99")]))
    one.live(3)
    assert counted(one) == (1, 0)
    assert one.health.counters["self_check_candles"] == 0


def test_the_minute_of_a_trade_with_a_wrong_time_shortens_no_memory(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    half_hours = [trade(number, number * HOUR_US // 2) for number in range(72)]
    now = [trade(number, 36 * HOUR_US + number) for number in (72, 73)]
    wrong = trade(71, 56 * HOUR_US)  # less than a day ahead
    record.append([*half_hours[:71], wrong, *now])
    storing.live(3)
    one = start().based()
    one.checked()
    assert counted(one) == (1, 0)
    assert one.health.counters["self_check_candles"] > 70


def test_a_trade_that_was_not_believed_is_left_out_on_both_sides(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    bad = Quarantined("ETH-USDT", 3, START, "a test", "{}")
    one.take(record.append([trade(1, 0), trade(2, MINUTE_US)]))
    one.take(record.add(lambda epoch, seq: QuarantineBatch("binance", epoch, seq, [bad])))
    one.live()
    storing.live()
    again = [trade(3, 0), trade(4, 3 * MINUTE_US), trade(5, 4 * MINUTE_US)]
    both(one, storing, record.append(again))
    one.checked()
    assert counted(one) == (1, 0)
    updates = [each for each in one.published if isinstance(each, CandleUpdate)]
    assert max(each.n for each in updates) == 4

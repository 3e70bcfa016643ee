"""The persister on real journals and a real Postgres: every record once."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from bus.heartbeat import Health
from bus.messages import (
    CandleUpdate,
    Gap,
    GapOpened,
    QuarantineBatch,
    Quarantined,
    Stored,
    Trade,
    TradeBatch,
    decode,
    encode,
)
from store import cursors, pool
from tests.procs.fix_persister import chunks, same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

SYMBOL = "ETH-USDT"


def test_what_the_journal_has_is_stored_at_start_and_then_off_the_bus(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    trades = random_trades(1, 600, 2)
    for part in chunks(trades[:300], 20):
        record.append(part)
    one = persisting()
    sends = one.live()
    assert one.health.counters["from_journal"] == 300
    for part in chunks(trades[300:], 20):
        one.take(record.append(part))
        sends += one.live(micros=100_000)
    assert one.health.counters["from_socket"] == 300
    assert one.health.counters["from_journal"] == 300
    same(connection, trades)
    positions = [decode(send.payload) for send in sends if send.topic == b"stored.binance."]
    assert positions[-1] == Stored("binance", record.writer.epoch, 30)
    assert one.health.positions["binance"] == (record.writer.epoch, 30)
    assert one.health.state == "ready"


def test_a_dropped_a_doubled_and_a_late_batch_are_each_stored_once(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    bodies = [record.append(part) for part in chunks(random_trades(2, 200, 1), 10)]
    one.take(*bodies[:5], *bodies[3:5], *bodies[8:10])
    one.live()
    one.take(*bodies[6:8], bodies[-1])
    one.live()
    same(connection, record.trades)


def test_a_group_that_is_large_enough_does_not_wait_for_the_tick(
    record: Journalling, persisting: Callable[[], Persisting]
) -> None:
    one = persisting()
    one.live()
    trades = random_trades(3, 2500, 1)
    one.take(record.append(trades[:1000]))
    assert one.actor.on_wake(one.clock.now) == []
    one.take(record.append(trades[1000:]))
    assert one.health.queue == 2500
    assert one.actor.on_wake(one.clock.now) != []
    assert one.health.queue == 0


def test_duplicates_across_epochs_are_not_stored_twice(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    trades = random_trades(9, 100, 1)
    record.append(trades[:60])
    one = persisting()
    one.live()
    record.begin_again()
    record.trades.clear()
    one.take(record.append(trades[40:80]))
    one.live()
    one.take(record.append(trades[70:]))
    one.live()
    assert one.health.counters["duplicates"] == 30
    assert cursors.read(connection, "persister") == {"binance": (record.writer.epoch, 2)}
    same(connection, trades)


def test_a_journal_that_went_back_is_read_anew_and_stored_once(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    trades = random_trades(10, 90, 1)
    for part in chunks(trades[:60], 20):
        record.append(part)
    one = persisting()
    one.live()
    one.die()
    # An older copy of the file: the same epoch, and position 2 is given out a second time.
    record.writer._db.execute("DELETE FROM record WHERE seq >= 2")
    record.writer.last_seq = 1
    record.append(trades[60:])
    persisting().live()
    same(connection, trades)


def test_a_quarantined_id_is_stored_with_its_reason_and_counts_as_seen(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    items = [
        Quarantined(SYMBOL, 7, START, "zero: '0'", '{"p":"0\x00"}'),
        Quarantined(None, None, START, "who knows", "\ufffd"),
    ]
    one.take(record.add(lambda e, seq: QuarantineBatch("binance", e, seq, items)))
    one.take(record.append([Trade(SYMBOL, 6, START, START, "1", "1", "buy")]))
    one.live()
    one.take(
        record.add(
            lambda e, seq: TradeBatch(
                "binance", e, seq, [Trade(SYMBOL, 7, START, START, "1", "1", "buy")], {}
            )
        )
    )
    one.live()
    rows = connection.execute("SELECT symbol, trade_id, reason FROM quarantine ORDER BY id")
    assert rows.fetchall() == [(SYMBOL, 7, "zero: '0'"), (None, None, "who knows")]
    assert connection.execute("SELECT trade_id FROM trade").fetchall() == [(6,)]
    assert connection.execute("SELECT ids::text FROM trade_seen").fetchall() == [("{[6,8)}",)]
    assert one.health.counters["duplicates"] == 1


def test_a_gap_that_the_feed_opened_is_a_row(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    one.take(
        record.add(lambda e, seq: GapOpened("binance", e, seq, [Gap(SYMBOL, 3, 9)], "the cap"))
    )
    one.live()
    rows = connection.execute("SELECT symbol, first_id, last_id, reason, state FROM gap")
    assert rows.fetchall() == [(SYMBOL, 3, 9, "the cap", "open")]


def test_closed_candles_that_a_late_trade_changed_are_published_also_after_a_restart(
    record: Journalling, persisting: Callable[[], Persisting]
) -> None:
    def late(number: int) -> Trade:
        return Trade(SYMBOL, number, START + 5, START, "12", "1", "buy")

    hour_us = 3_600_000_000
    one = persisting()
    one.live()
    one.take(record.append([Trade(SYMBOL, 10, START + 30 * hour_us, START, "10", "1", "buy")]))
    first = one.live()
    assert [send for send in first if send.topic.startswith(b"corrected.")] == []
    for life, number in ((one, 1), (persisting(), 2)):
        life.live()
        life.take(record.append([late(number)]))
        sends = life.live()
        updates = [decode(send.payload) for send in sends if send.topic.startswith(b"corrected.")]
        assert {send.topic for send in sends} >= {b"corrected.1m.binance.ETH-USDT."}
        found = {}
        for update in updates:
            assert isinstance(update, CandleUpdate)
            assert update.closed
            found[update.interval_s, update.ts_open] = (update.revision, Decimal(update.sum_p))
        assert found == {
            (interval_s, START): (number, Decimal(12 * number)) for interval_s in (60, 3600, 86400)
        }
        life.die()


def test_a_record_that_the_disk_has_spoilt_is_passed_over_and_counted(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    parts = chunks(random_trades(11, 60, 1), 20)
    for part in parts:
        record.append(part)
    record.writer._db.execute("UPDATE record SET crc = crc + 1 WHERE seq = 2")
    one = persisting()
    one.live(2)
    assert one.health.counters["corrupt_records"] == 1
    same(connection, parts[0] + parts[2])


def test_what_is_at_hand_is_stored_when_the_process_ends(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    one.take(record.append(random_trades(12, 20, 1)))
    sends = one.actor.on_drain(one.clock.now)
    assert [send.topic for send in sends] == [b"stored.binance."]
    same(connection, record.trades)


def test_a_heartbeat_brings_what_the_bus_has_lost(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    one = persisting()
    one.live()
    feed = Health("feed-binance")
    record.append(random_trades(13, 20, 1))
    feed.positions["binance"] = (record.writer.epoch, record.writer.last_seq)
    for _ in range(2):
        one.beat(encode(feed.beat(START)))
        one.live()
    same(connection, record.trades)


def test_of_times_of_update_only_a_later_one_is_stored_and_they_are_one_interval(
    record: Journalling, persisting: Callable[[], Persisting], connection: pool.Connection
) -> None:
    def updates(*numbers: int) -> list[Trade]:
        return [Trade(SYMBOL, START + one, START + one, START, "10", None, None) for one in numbers]

    def add(*numbers: int) -> bytes:
        found = updates(*numbers)
        return record.add(lambda e, seq: TradeBatch("binance", e, seq, found, {}, True))

    add(10, 30, 20, 30)
    one = persisting()
    one.live()
    one.take(add(15), add(31))
    one.live()
    one.die()
    again = persisting()
    again.live()
    again.take(add(31, 29), add(40))
    again.live()
    same(connection, updates(10, 30, 31, 40))
    (seen,) = connection.execute("SELECT ids::text FROM trade_seen").fetchall()
    assert seen == (f"{{[0,{START + 41})}}",)

"""The aggregator on real journals and a real Postgres, without its sockets."""

from decimal import Decimal

import pytest

from bus.actor import Send
from bus.heartbeat import Health
from bus.messages import (
    Average,
    CandleUpdate,
    Ticker,
    Trade,
    TradeBatch,
    decode,
    encode,
)
from market import candle
from procs.aggregator.aggregator import PATIENCE_US
from procs.aggregator.snapshot import Snapshot
from store import pool
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.procs.living import Aggregating, Persisting
from tests.store import folding
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000
NOWHERE = "host=127.0.0.1 port=1 dbname=nothing"


def trade(trade_id: int, ts: int, price: str = "10", symbol: str = "ETH-USDT") -> Trade:
    return Trade(symbol, trade_id, START + ts, START + ts, price, "1", "buy")


def equal(one: Aggregating, trades: list[Trade], intervals: tuple[int, ...] = (60, 3600)) -> None:
    """Compare the last published candles with these trades, recomputed."""
    newest = max(trade.ts_event for trade in trades)
    for interval_s in intervals:
        wanted = folding.grouped(trades, folding.opening(interval_s))
        found = {
            key[3]: candle.from_update(update)
            for key, update in one.newest.items()
            if key[2] == interval_s
        }
        since = newest - 20 * HOUR_US
        assert {ts: one for ts, one in found.items() if ts > since} == {
            ts: one for ts, one in wanted.items() if ts > since
        }


def test_what_comes_off_the_bus_is_shown_as_ticker_candles_and_average(
    record: Journalling, start: Start
) -> None:
    one = start().based()
    assert one.health.state == "ready"
    one.live()
    one.take(record.append([trade(1, 0, "10"), trade(2, 1_000_000, "12")]))
    found = one.live()
    (ticker,) = [message for message in found if isinstance(message, Ticker)]
    assert (ticker.price, ticker.hour_count, ticker.hour_start) == ("12", 2, START)
    assert sorted(
        (message.interval_s, message.n, message.closed)
        for message in found
        if isinstance(message, CandleUpdate)
    ) == [(60, 2, False), (3600, 2, False), (86400, 2, False)]
    (average,) = [message for message in found if isinstance(message, Average)]
    assert (average.avg, average.count) == ("11.000000000000", 2)
    assert average.last_ts == START + 1_000_000


def test_its_stream_counts_on_and_a_new_life_is_a_new_epoch(
    record: Journalling, start: Start
) -> None:
    one, other = start().based(), start().based()
    bodies = [record.append([trade(number, number * MINUTE_US)]) for number in range(5)]
    for body in bodies:
        one.take(body)
        one.live()
    other.live(3)
    assert [message.seq for message in one.published] == list(range(1, len(one.published) + 1))
    (epoch,) = {message.epoch for message in one.published}
    assert {message.epoch for message in other.published} != {epoch}
    assert one.health.positions["stream"] == (epoch, len(one.published))


def test_each_symbol_goes_at_most_every_50_ms_with_its_newest_value(
    record: Journalling, start: Start
) -> None:
    one = start().based()
    one.live()
    tickers = []
    for number in range(100):  # a trade each millisecond
        one.take(record.append([trade(number, number)]))
        now = one.clock.pass_time(1000)
        tickers += [
            message for message in one.note(one.actor.on_wake(now)) if isinstance(message, Ticker)
        ]
    assert [Decimal(ticker.hour_count) for ticker in tickers] == [1, 51]


def test_a_late_trade_is_published_in_its_own_candle_with_a_higher_revision(
    record: Journalling, start: Start
) -> None:
    one = start().based()
    one.live()
    later = [trade(4, 3 * HOUR_US), trade(5, 3 * HOUR_US)]  # two: one alone is not believed
    for part in ([trade(1, 0)], [trade(3, MINUTE_US)], later):
        one.take(record.append(part))
        one.live()
    key = ("binance", "ETH-USDT", 60, START)
    assert (one.newest[key].revision, one.newest[key].closed) == (1, True)
    one.take(record.append([trade(2, 30_000_000, "99")]))
    found = [message for message in one.live() if isinstance(message, CandleUpdate)]
    assert {(update.interval_s, update.ts_open) for update in found} == {
        (interval_s, START) for interval_s in (60, 3600, 86400)
    }
    assert (one.newest[key].revision, one.newest[key].high) == (2, "99")
    assert one.newest[key].closed
    hour = one.newest["binance", "ETH-USDT", 3600, START]
    assert (hour.revision, hour.closed) == (3, True)


def test_every_closed_candle_is_announced_closed_and_equals_the_recomputation(
    record: Journalling, start: Start
) -> None:
    trades = random_trades(1, 2000, 1)
    one = start().based()
    one.live()
    for number in range(40):
        part = trades[number * 50 : (number + 1) * 50]
        one.take(record.append(part))
        one.live()
    one.live(5)
    equal(one, trades)
    newest = trades[-1].ts_event
    for key, update in one.newest.items():
        assert update.closed is (key[3] + key[2] * 1_000_000 + 1_000_000 <= newest + 500_000)
        assert update.revision == update.n


def test_a_rebuild_from_postgres_and_the_journal_is_the_fold_of_all(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    trades = random_trades(2, 1200, 1)
    for number in range(20):
        record.append(trades[number * 30 : number * 30 + 30])
    storing.live()
    assert storing.health.counters["stored"] == 600
    for number in range(20, 30):
        record.append(trades[number * 30 : number * 30 + 30])
    one = start().based()
    assert one.health.counters["from_journal"] == 300
    for number in range(30, 40):
        one.take(record.append(trades[number * 30 : number * 30 + 30]))
    one.live(3)
    assert one.health.counters["from_socket"] == 300
    memory = one.actor._memories["binance"]
    newest = trades[-1].ts_event
    for interval_s in (60, 3600, 86400):
        wanted = folding.grouped(trades, folding.opening(interval_s))
        assert {key[2]: made for key, made in memory.candles.items() if key[1] == interval_s} == {
            ts: made
            for ts, made in wanted.items()
            if ts + interval_s * 1_000_000 > newest - newest % MINUTE_US - 25 * HOUR_US
        }
    assert memory.last["ETH-USDT"] == trades[-1]
    assert not memory.is_partial("ETH-USDT", 3600, newest // HOUR_US * HOUR_US)


def test_trades_of_a_new_epoch_that_were_counted_before_are_not_counted_again(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    trades = random_trades(3, 90, 1)
    record.append(trades[:60])
    storing.live()
    one = start().based()
    record.begin_again()
    for part in (trades[30:70], trades[65:]):
        one.take(record.append(part))
        one.live()
    one.live(2)
    whole = folding.grouped(trades, folding.opening(86400))
    memory = one.actor._memories["binance"]
    assert {key[2]: made for key, made in memory.candles.items() if key[1] == 86400} == whole


def test_without_postgres_it_begins_with_the_journal_marked_partial_and_adds_the_base_later(
    record: Journalling, start: Start, storing: Persisting, database: str
) -> None:
    trades = [trade(number, number * 10 * MINUTE_US, str(number + 1)) for number in range(30)]
    for one_trade in trades[:15]:
        record.append([one_trade])
    storing.live()
    record.writer.trim(10, 1 << 62)
    one = start(NOWHERE)
    assert one.loadings[0].done.wait(10)
    one.live()
    assert one.published == []
    one.live(2, PATIENCE_US)
    assert one.health.state == "waiting: database"
    shown = {key[3]: update.partial for key, update in one.newest.items() if key[2] == 60}
    assert len(shown) == 5
    assert set(shown.values()) == {True}
    one.use(database)
    one.live(2)
    memory = one.actor._memories["binance"]
    for key, update in one.newest.items():  # what was said without the base is said again
        assert candle.from_update(update) == memory.candles[key[1:]]
    for one_trade in trades[15:]:
        one.take(record.append([one_trade]))
    one.live(5)
    assert one.health.state == "ready"
    day = memory.candles["ETH-USDT", 86400, START]
    assert day == folding.fold(trades)
    update = one.newest["binance", "ETH-USDT", 60, trades[-1].ts_event]
    assert not update.partial


def test_a_journal_trimmed_behind_its_back_is_rebuilt_from_postgres(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    trades = random_trades(4, 200, 1)
    one = start().based()
    one.live()
    one.take(record.append(trades[:20]))
    one.live()
    record.append(trades[20:100])
    record.append(trades[100:150])
    storing.live()
    record.writer.trim(2, 1 << 62)
    one.take(record.append(trades[150:]))
    one.live()
    assert len(one.loadings) == 1
    one.live(1, 2_000_000)
    assert len(one.loadings) == 2
    one.based()
    one.live(3)
    memory = one.actor._memories["binance"]
    whole = folding.grouped(trades, folding.opening(86400))
    assert {key[2]: made for key, made in memory.candles.items() if key[1] == 86400} == whole
    assert len(one.loadings) == 2


def test_while_the_persisters_position_is_trimmed_away_postgres_is_not_asked_all_the_time(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    trades = random_trades(5, 60, 1)
    record.append(trades[:20])
    storing.live()
    for number in range(20, 60, 10):
        record.append(trades[number : number + 10])
    record.writer.trim(3, 1 << 62)  # as at the cap, before Postgres had them
    one = start()
    for _ in range(10):
        assert one.loadings[-1].done.wait(10)
        one.live(10, 100_000)
    assert 2 <= len(one.loadings) <= 7
    assert one.actor._memories["binance"].partial


def test_trades_that_could_not_be_stored_show_their_price_and_are_not_counted(
    record: Journalling, start: Start
) -> None:
    one = start().based()
    one.take(record.append([trade(1, 0)]))
    one.live()
    loose = TradeBatch("binance", record.writer.epoch, None, [trade(2, 5, "77")], {})
    one.take(encode(loose))
    (ticker,) = one.live()
    assert isinstance(ticker, Ticker)
    assert (ticker.price, ticker.hour_count) == ("77", 1)


def test_a_symbol_that_was_only_glimpsed_when_the_base_comes_is_no_trouble(
    record: Journalling, start: Start
) -> None:
    record.append([trade(1, 0)])
    one = start(NOWHERE)
    assert one.loadings[0].done.wait(10)
    one.live(2, PATIENCE_US)
    loose = [trade(9, 5, "77", symbol="NEW-USDT")]
    one.take(encode(TradeBatch("binance", record.writer.epoch, None, loose, {})))
    one.actor._rest_on(Snapshot({}, {}))
    shown = {message.symbol for message in one.live(3) if isinstance(message, Ticker)}
    assert shown == {"ETH-USDT"}


def test_who_subscribes_gets_what_stands_there(record: Journalling, start: Start) -> None:
    one = start().based()
    one.take(record.append([trade(1, 0), trade(1, 0, symbol="BTC-USDT")]))
    one.live()

    def subscribed(prefix: bytes) -> list[bytes]:
        sends = one.actor.on_message("out", [b"\x01" + prefix], one.clock.now)
        assert all(isinstance(send, Send) and send.output == "out" for send in sends)
        return [send.topic for send in sends]

    assert subscribed(b"ticker.binance.ETH-USDT.") == [b"ticker.binance.ETH-USDT."]
    assert len(subscribed(b"candle.")) == 6
    assert len(subscribed(b"")) == 10
    assert subscribed(b"ticker.binance.ETH.") == []
    assert one.actor.on_message("out", [b"\x00ticker."], one.clock.now) == []


def test_a_corrected_candle_older_than_the_memory_is_passed_on_and_a_known_one_is_not(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    one.take(record.append([trade(1, 0), trade(2, 72 * HOUR_US)]))
    one.live()
    storing.live()
    late = [trade(3, 5), trade(4, 71 * HOUR_US)]
    body = record.append(late)
    one.take(body)
    one.live()
    storing.take(body)
    corrected = [send for send in storing.live() if send.topic.startswith(b"corrected.")]
    passed = []
    for send in corrected:
        sends = one.actor.on_message("corrected", [send.topic, send.payload], one.clock.now)
        passed += [decode(sent.payload) for sent in sends]
    assert {
        (update.interval_s, update.ts_open, update.n)
        for update in passed
        if isinstance(update, CandleUpdate)
    } == {(60, START, 2), (3600, START, 2), (86400, START, 2)}
    assert len(corrected) > len(passed)
    held = one.actor.on_message("out", [b"\x01candle.1m."], one.clock.now)
    assert [decode(send.payload) for send in held] != passed[:1]


def test_a_heartbeat_brings_what_the_bus_has_lost(record: Journalling, start: Start) -> None:
    one = start().based()
    one.take(record.append([trade(1, 0)]))
    one.live()
    record.append([trade(2, 1)])
    feed = Health("feed-binance")
    feed.positions["binance"] = (record.writer.epoch, record.writer.last_seq)
    for _ in range(2):
        one.beat(encode(feed.beat(START)))
        one.live()
    assert one.newest["binance", "ETH-USDT", 60, START].n == 2
    assert one.health.counters["from_journal"] == 1


def test_the_snapshot_does_not_come_from_a_database_of_the_other_kind(
    start: Start, connection: pool.Connection
) -> None:
    connection.execute("UPDATE instance SET kind = 'simulated'")
    one = start()
    assert one.loadings[0].done.wait(10)
    one.live(2)
    assert one.loadings[0].snapshot is None
    assert "simulated" in (one.health.last_error or "")


def test_after_a_restart_a_past_hours_average_still_has_its_own_last_trades_time(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    record.append([trade(1, 0), trade(3, HOUR_US - 5), trade(4, 3 * HOUR_US)])
    storing.live()
    one = start().based()
    one.take(record.append([trade(2, 7)]))
    one.live(3)
    (average,) = [
        each for each in one.published if isinstance(each, Average) and each.hour_start == START
    ]
    assert (average.count, average.last_ts) == (3, START + HOUR_US - 5)

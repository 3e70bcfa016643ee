"""The candles of the time before the trades: asked for, stored once, and not asked for again."""

from collections.abc import Callable, Iterable

import pytest
from msgspec.structs import replace

from bus.actor import Send
from bus.messages import (
    FeedStatus,
    History,
    HistoryCandle,
    HistoryWanted,
    Seen,
    SymbolStatus,
    Trade,
    decode,
    encode,
)
from procs.persister.history import ASK_AGAIN_US, SETTLE_US, SILENCE_US, SPANS_US
from procs.persister.persister import BESIDE_RETRY_US
from store import history, pool
from tests.procs.fix_persister import same
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting

pytestmark = pytest.mark.usefixtures("exact_decimals")

Persist = Callable[[], Persisting]
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
SYMBOL = "ETH-USDT"
PAGE = 1000
NOW = 1_723_161_255_000_000
"""2024-08-08T23:54:15Z."""


def trade(trade_id: int, ts_event: int = NOW) -> Trade:
    return Trade(SYMBOL, trade_id, ts_event, ts_event, "12.50", "0.001", "buy")


def status(*symbols: SymbolStatus) -> bytes:
    told = list(symbols or (SymbolStatus(SYMBOL, "live", 7, 3, True),))
    return encode(FeedStatus("binance", "connected", "closed", 1, 0, None, None, True, told))


def wanted_of(sends: Iterable[Send]) -> list[HistoryWanted]:
    found = []
    for send in sends:
        message = decode(send.payload)
        if isinstance(message, HistoryWanted):
            assert (send.output, send.topic) == ("backfiller", b"")
            found.append(message)
    return found


def answer(wanted: HistoryWanted) -> History:
    """Return the newest page of what is wanted, as the backfiller brings it."""
    step = wanted.interval_s * 1_000_000
    start = max(wanted.start, wanted.end - PAGE * step)
    texts = ("12", "13", "11.5", "12.5", "0")
    candles = [HistoryCandle(ts, *texts) for ts in range(start, wanted.end, step)]
    return History("binance", SYMBOL, wanted.interval_s, start, wanted.end, candles)


def served(one: Persisting, ticks: int = 20, micros: int = 100_000) -> list[HistoryWanted]:
    """Let it live and answer whatever it asks; return what that was."""
    asked = []
    for _ in range(ticks):
        for wanted in wanted_of(one.live(1, micros)):
            asked.append(wanted)
            one.take(encode(answer(wanted)))
    return asked


def counts(connection: pool.Connection) -> dict[int, int]:
    rows = connection.execute(
        "SELECT interval_s, count(*) FROM candle_history GROUP BY interval_s"
    ).fetchall()
    return dict(rows)


WHOLE = {60: 25 * 60, 3600: 31 * 24, 86400: 366}
RUNNING = {60: 2, 3600: 1, 86400: 1}
"""Of each, those that are not published yet: the running one, and the minute before it."""


@pytest.fixture
def begun(record: Journalling, persisting: Persist) -> Persisting:
    """A persister that has stored a symbol's very first trade."""
    one = persisting()
    one.live()
    one.tell(status())
    one.take(record.append([trade(1)]))
    return one


@pytest.mark.alone
def test_a_fresh_installation_has_the_candles_of_before_within_two_seconds(
    begun: Persisting, connection: pool.Connection
) -> None:
    asked = served(begun)
    assert [wanted.interval_s for wanted in asked] == [60, 60, 3600, 86400]
    assert counts(connection) == {one: WHOLE[one] - RUNNING[one] for one in WHOLE}
    newest = asked[0]
    minute = NOW // MINUTE * MINUTE
    assert newest.end == minute - MINUTE
    assert newest.start == minute + MINUTE - SPANS_US[60]
    assert asked[1] == HistoryWanted(
        "binance", SYMBOL, 60, newest.start, newest.end - PAGE * MINUTE
    )
    assert served(begun) == []


def test_what_was_stored_is_published(begun: Persisting) -> None:
    (wanted,) = wanted_of(begun.live(3, 1_000_000))
    begun.take(encode(answer(wanted)))
    found = [send for send in begun.live() if send.topic == b"history.binance.ETH-USDT."]
    assert [(send.output, decode(send.payload)) for send in found] == [("out", answer(wanted))]


def test_the_interval_in_which_the_trades_began_is_had_once_it_is_over(
    begun: Persisting, record: Journalling, connection: pool.Connection
) -> None:
    served(begun)
    for trade_id in range(2, 12):
        begun.take(record.append([trade(trade_id, NOW + (trade_id - 1) * MINUTE)]))
        served(begun, 12, 5_000_000)
    assert counts(connection) == WHOLE  # midnight was six minutes away
    begun.take(record.append([trade(12, NOW + 12 * MINUTE)]))
    assert served(begun) == []


def test_a_symbol_that_is_not_listed_or_never_traded_has_nothing_asked(
    record: Journalling, persisting: Persist
) -> None:
    one = persisting()
    one.live()
    unlisted, silent = (
        SymbolStatus(SYMBOL, "live", 7, 3, False),
        SymbolStatus("BTC-USDT", "live", 7, 3, True),
    )
    one.tell(status(unlisted, silent))
    one.take(record.append([trade(1)]))
    assert served(one) == []
    one.tell(status())
    assert served(one)


def test_what_is_not_answered_is_asked_again_ever_more_seldom(begun: Persisting) -> None:
    waits: list[int] = []
    asked: list[HistoryWanted] = []
    since = begun.clock.now.mono
    while len(asked) < 4:
        for wanted in wanted_of(begun.live(1, 1_000_000)):
            asked.append(wanted)
            waits.append((begun.clock.now.mono - since) // 1_000_000)
            since = begun.clock.now.mono
    assert len(set(asked)) == 1
    second = ASK_AGAIN_US // 1_000_000
    assert waits[1:] == [second, 2 * second, 4 * second]


def test_a_restart_asks_for_the_rest_alone(
    begun: Persisting, persisting: Persist, record: Journalling, connection: pool.Connection
) -> None:
    (first,) = wanted_of(begun.live(3, 1_000_000))
    begun.take(encode(answer(first)))
    begun.live(1, 100_000)
    begun.die()
    second = persisting()
    second.live()
    second.tell(status())
    asked = served(second)
    assert [wanted.interval_s for wanted in asked] == [60, 3600, 86400]
    assert asked[0].end == answer(first).start
    assert counts(connection) == {one: WHOLE[one] - RUNNING[one] for one in WHOLE}
    second.die()
    third = persisting()
    third.clock.pass_time(SILENCE_US)
    third.live()
    third.tell(status())
    third.take(record.append([trade(2, NOW + SILENCE_US)]))
    ends = {wanted.interval_s: (wanted.start, wanted.end) for wanted in served(third)}
    assert ends == {
        60: (asked[0].end + PAGE * MINUTE, NOW // MINUTE * MINUTE + MINUTE),
        3600: (NOW // HOUR * HOUR, NOW // HOUR * HOUR + HOUR),
        86400: (NOW // DAY * DAY, NOW // DAY * DAY + DAY),
    }
    assert counts(connection) == WHOLE
    same(connection, record.trades)


def test_an_installation_that_slept_gets_what_was_meanwhile(
    begun: Persisting, persisting: Persist, record: Journalling, connection: pool.Connection
) -> None:
    served(begun)
    begun.die()
    awake = NOW + 7 * DAY
    one = persisting()
    one.clock.pass_time(7 * DAY)
    one.live()
    one.tell(status())
    one.take(record.append([trade(900, awake)]))
    asked = served(one)
    assert counts(connection)[3600] == WHOLE[3600] - 1 + 7 * 24
    minutes = [wanted for wanted in asked if wanted.interval_s == 60]
    assert minutes[0].start == awake // MINUTE * MINUTE + MINUTE - SPANS_US[60]
    assert served(one) == []


def test_a_feed_is_told_since_when_there_are_trades(
    begun: Persisting, persisting: Persist, record: Journalling
) -> None:
    minute = NOW // MINUTE * MINUTE

    def told(one: Persisting) -> list[int | None]:
        found = [decode(send.payload) for send in one.live(11, 1_000_000)]
        return [ids.oldest for seen in found if isinstance(seen, Seen) for ids in seen.ids]

    begun.live()
    assert told(begun)[-1] == minute
    begun.take(record.append([trade(0, NOW - 5 * MINUTE), trade(2, NOW + MINUTE)]))
    begun.live()
    assert told(begun)[-1] == minute - 5 * MINUTE
    begun.die()
    assert told(persisting())[-1] == minute - 5 * MINUTE


def test_a_replay_asks_by_the_time_of_its_own_trades(
    record: Journalling, persisting: Persist
) -> None:
    one = persisting()
    one.live()
    one.tell(status())
    one.take(record.append([trade(1, NOW - 900 * DAY)]))
    (wanted, *_) = served(one)
    assert wanted.end <= NOW - 900 * DAY - SETTLE_US


def test_a_locked_table_delays_no_trade_and_is_tried_again(
    begun: Persisting, record: Journalling, connection: pool.Connection, database: str
) -> None:
    (wanted,) = wanted_of(begun.live(3, 1_000_000))
    with pool.connect(database, program="tests") as other, other.transaction():
        other.execute("LOCK TABLE candle_history")
        begun.take(encode(answer(wanted)), record.append([trade(2)]))
        begun.live(3, 100_000)
        same(connection, record.trades)
        assert begun.health.state == "ready"
    assert counts(connection) == {}
    begun.live(1, BESIDE_RETRY_US)
    assert counts(connection) == {60: PAGE}


def test_what_was_had_is_noted_with_all_that_came_of_it_or_not_at_all(
    begun: Persisting, connection: pool.Connection
) -> None:
    (wanted,) = wanted_of(begun.live(3, 1_000_000))
    page = answer(wanted)
    connection.execute(
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF extract(epoch FROM NEW.ts_open) * 1000000 = {page.candles[-1].ts_open} THEN
                RAISE 'not now' USING ERRCODE = '55P03';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    connection.execute(
        "CREATE TRIGGER late BEFORE INSERT ON candle_history FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    # One is refused for good, so that the others are stored in parts.
    page.candles[0] = replace(page.candles[0], high="0")
    begun.take(encode(page))
    begun.live(3, 100_000)
    assert counts(connection) == {}
    assert history.ranges(connection)["binance", SYMBOL, 60].covered == []
    connection.execute("DROP TRIGGER late ON candle_history")
    begun.live(1, BESIDE_RETRY_US)
    assert counts(connection) == {60: PAGE - 1}
    assert begun.health.counters["poisonous"] == 1


def test_exchanges_that_trade_all_the_time_do_not_keep_candles_waiting(
    begun: Persisting, record: Journalling, connection: pool.Connection
) -> None:
    others = [Journalling(record.folder, name) for name in ("coinbase", "kraken")]
    for number in range(2, 42):
        begun.take(*(one.append([trade(number)]) for one in (record, *others)))
        now = begun.clock.pass_time(100_000)
        sends = [*begun.actor.on_wake(now), *begun.actor.on_tick(now)]
        for wanted in wanted_of(sends):
            begun.take(encode(answer(wanted)))
    assert counts(connection) == {one: WHOLE[one] - RUNNING[one] for one in WHOLE}
    for one in others:
        one.writer.close()


def test_a_database_that_was_away_is_asked_what_it_has(
    begun: Persisting, record: Journalling, connection: pool.Connection
) -> None:
    served(begun)
    connection.execute("UPDATE history_range SET covered = '{}' WHERE interval_s = 86400")
    connection.execute("SELECT pg_terminate_backend(%s)", [begun.connections[-1].info.backend_pid])
    begun.tell(status())
    begun.take(record.append([trade(2)]))
    asked = served(begun, 40)
    assert begun.health.counters["database_lost"] == 1
    assert [wanted.interval_s for wanted in asked] == [86400]
    assert history.ranges(connection)["binance", SYMBOL, 86400].covered != []

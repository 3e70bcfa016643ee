"""24 hours of a ticker where the exchange's own minutes stand for those before our trades."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from bus.messages import History, HistoryCandle, Ticker, Trade, encode
from procs.aggregator.memory import DAY_US, KEEP_US, Memory
from store import history
from store.pool import Connection
from tests.procs.journalling import Journalling
from tests.procs.living import Aggregating, Persisting
from tests.store.folding import START

pytestmark = pytest.mark.usefixtures("exact_decimals")

SYMBOL = "ETH-USDT"
MINUTE = 60_000_000
NOW = START + 2 * DAY_US + 30_000_000
"""Half a minute past midnight."""
MIDNIGHT = START + 2 * DAY_US


def trade(trade_id: int, ts: int, price: str = "100") -> Trade:
    return Trade(SYMBOL, trade_id, ts, ts, price, "2", "buy")


def minute(ts_open: int, close: str = "90", high: str = "95", low: str = "80") -> HistoryCandle:
    return HistoryCandle(ts_open, close, high, low, close, "3")


def before(count: int, until: int = MIDNIGHT) -> list[HistoryCandle]:
    """Return the last minutes before, all alike but for the first, which is dearer."""
    first, *rest = range(until - count * MINUTE, until, MINUTE)
    return [minute(first, "95"), *map(minute, rest)]


def ticker(memory: Memory, now: int = NOW) -> Ticker:
    return memory.ticker(SYMBOL, now)


@pytest.fixture
def fresh() -> Memory:
    """A memory after a symbol's very first trades."""
    memory = Memory("binance", {}, {}, {}, {}, partial=False)
    memory.fold([trade(1, NOW), trade(2, NOW, "120"), trade(3, NOW, "100")], NOW)
    return memory


def test_without_the_exchanges_minutes_nothing_is_known_of_a_day(fresh: Memory) -> None:
    found = ticker(fresh)
    assert (found.change_24h, found.high_24h, found.volume_24h) == (None, None, None)


def test_a_fresh_installation_has_the_day_once_it_has_the_exchanges_minutes(fresh: Memory) -> None:
    fresh.published(SYMBOL, before(1500))
    found = ticker(fresh)
    assert (found.change_24h, found.change_24h_pct) == ("10", "11.111111111111")
    assert (found.high_24h, found.low_24h) == ("120", "80")
    assert found.volume_24h == str(1439 * 3 + 3 * 2)
    assert found.turnover_24h is None
    assert found.hour_count == 3


def test_as_long_as_not_all_minutes_are_there_nothing_is_claimed(fresh: Memory) -> None:
    fresh.published(SYMBOL, before(1000))
    assert ticker(fresh).change_24h is None
    fresh.published(SYMBOL, before(500, MIDNIGHT - 1000 * MINUTE))
    assert ticker(fresh).change_24h == "10"


def test_our_own_minutes_win_but_for_the_one_in_which_the_data_began(fresh: Memory) -> None:
    fresh.published(SYMBOL, before(1500))
    fresh.fold([trade(4, NOW + MINUTE), trade(5, NOW + 2 * MINUTE)], NOW + 2 * MINUTE)
    dear = [minute(MIDNIGHT + at * MINUTE, high="500") for at in (0, 1)]
    fresh.published(SYMBOL, dear[1:])
    assert ticker(fresh, NOW + 2 * MINUTE).high_24h == "120"
    fresh.published(SYMBOL, dear)
    found = ticker(fresh, NOW + 2 * MINUTE)
    assert found.high_24h == "500"
    assert found.volume_24h == str(1437 * 3 + 3 + 2 + 2)


def test_after_a_day_of_our_own_nothing_is_of_the_exchanges(fresh: Memory) -> None:
    fresh.published(SYMBOL, before(1500))
    for number in range(1, 1443):
        fresh.fold([trade(3 + number, NOW + number * MINUTE)], NOW + number * MINUTE)
    found = ticker(fresh, NOW + 1442 * MINUTE)
    assert found.change_24h == "0"
    assert (found.high_24h, found.volume_24h, found.turnover_24h) == ("100", "2880", "288000")
    kept = fresh.before.beside(SYMBOL, {}, None)
    assert min(kept) >= NOW + 1442 * MINUTE - KEEP_US - MINUTE


def test_a_minute_in_which_nothing_was_traded_keeps_no_turnover_back(fresh: Memory) -> None:
    for number in range(1, 1443):
        if number != 1000:
            fresh.fold([trade(3 + number, NOW + number * MINUTE)], NOW + number * MINUTE)
    now, opened = NOW + 1442 * MINUTE, MIDNIGHT + 1000 * MINUTE
    fresh.published(SYMBOL, [HistoryCandle(opened, "100", "100", "100", "100", "0.000")])
    assert ticker(fresh, now).turnover_24h == "287800"
    fresh.published(SYMBOL, [minute(opened)])
    assert ticker(fresh, now).turnover_24h is None


def test_minutes_off_the_bus_and_after_a_restart_out_of_postgres_are_the_same(
    record: Journalling,
    persisting: Callable[[], Persisting],
    connection: Connection,
    database: str,
) -> None:
    record.append([trade(1, NOW), trade(2, NOW)])
    persister = persisting()
    persister.live(2)
    found = History("binance", SYMBOL, 60, MIDNIGHT - 1500 * MINUTE, MIDNIGHT, before(1500))
    hours = History("binance", SYMBOL, 3600, 0, MIDNIGHT, [minute(MIDNIGHT - 60 * MINUTE, "1")])
    topic = b"history.binance.ETH-USDT."

    def begin() -> Aggregating:
        return Aggregating(record.writer.path.parent, database, persister.clock).based()

    one = begin()
    for message in (hours, found):
        assert not one.actor.on_message("corrected", [topic, encode(message)], one.clock.now)
    told = [each for each in one.live(2) if isinstance(each, Ticker)]
    history.want(connection, {("binance", SYMBOL, 60): MIDNIGHT})
    history.save(connection, found)
    again = begin()
    said = [each for each in again.published if isinstance(each, Ticker)]
    assert told[-1].change_24h == "10"
    assert Decimal(told[-1].volume_24h or 0) == 1439 * 3 + 2 * 2
    days = [
        (each.change_24h, each.high_24h, each.low_24h, each.volume_24h)
        for each in (told[-1], said[-1])
    ]
    assert days[0] == days[1]

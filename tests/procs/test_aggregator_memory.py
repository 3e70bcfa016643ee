"""The live view's memory against the plainest recomputation."""

from decimal import Decimal
from random import Random

import msgspec
import pytest

from bus.messages import Candle, Trade
from market.candle import Key
from procs.aggregator.memory import CLOSE_AFTER_US, DAY_US, KEEP_US, Memory
from tests.store import folding
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

MINUTE_US = 60_000_000
HOUR_US = 3_600_000_000
STORED = (60, 3600, 86400)


def empty(*, partial: bool = False) -> Memory:
    return Memory("binance", {}, {}, {}, {}, partial=partial)


def trade(trade_id: int, ts: int, price: str = "10", size: str | None = "1") -> Trade:
    return Trade("ETH-USDT", trade_id, START + ts, START + ts, price, size, "buy")


def recomputed(trades: list[Trade]) -> dict[Key, Candle]:
    return {
        ("ETH-USDT", interval_s, ts_open): one
        for interval_s in STORED
        for ts_open, one in folding.grouped(trades, folding.opening(interval_s)).items()
    }


def within(memory: dict[Key, Candle], newest: int) -> dict[Key, Candle]:
    return {key: one for key, one in memory.items() if key[2] + key[1] * 10**6 > newest - KEEP_US}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_equals_the_recomputation_however_the_trades_come(seed: int) -> None:
    chance = Random(seed)
    trades = random_trades(seed, 800, 1)
    memory = empty()
    coming = [*trades, *chance.choices(trades, k=300)]
    chance.shuffle(coming)
    while coming:
        size = chance.randrange(1, 60)
        memory.fold(coming[:size], mono=1)
        del coming[:size]
    newest = max(one.ts_event for one in trades)
    assert within(memory.candles, newest) == within(recomputed(trades), newest)
    assert memory.last["ETH-USDT"] == trades[-1]


def test_of_times_of_update_only_a_later_one_is_counted() -> None:
    known = Memory("coingecko", {}, {}, {}, {("ETH-USDT", 0): [(0, 4)]}, partial=False)
    trades = [trade(number, number, size=None) for number in (5, 3, 5, 9, 7, 4, 12)]
    known.fold(trades[:4], mono=1, latest_only=True)
    known.fold(trades[4:], mono=1, latest_only=True)
    minute = known.candles["ETH-USDT", 60, START // MINUTE_US * MINUTE_US]
    assert (minute.n, minute.open_key, minute.close_key) == (3, (0, 5), (0, 12))
    assert minute.volume == minute.sum_pq == Decimal(0)
    assert known.last["ETH-USDT"] == trades[-1]


def test_a_trade_without_a_number_is_shown_until_the_next_one_that_has_one() -> None:
    memory = empty()
    numbered = msgspec.structs.replace(trade(5, 10), series=7)
    memory.fold([numbered], mono=1)
    memory.glimpse(trade(0, 9))
    assert memory.last["ETH-USDT"] == numbered
    loose = trade(0, 11, price="12")
    memory.glimpse(loose)
    assert memory.last["ETH-USDT"] == loose
    memory.fold([msgspec.structs.replace(trade(6, 11), series=7)], mono=1)
    assert memory.last["ETH-USDT"].trade_id == 6


def test_what_is_older_than_25_hours_is_forgotten_and_never_begun_again() -> None:
    trades = random_trades(4, 3000, 5)
    memory = empty()
    for one in trades:
        memory.fold([one], mono=1)
    newest = trades[-1].ts_event
    kept = memory.candles
    assert kept == within(kept, newest - MINUTE_US)
    assert within(kept, newest) == within(recomputed(trades), newest)
    old = msgspec.structs.replace(trades[0], trade_id=1)
    assert memory.fold([old], mono=1) == set()
    assert memory.candles == kept


def test_a_late_trade_goes_to_its_own_candle_whose_revision_rises() -> None:
    memory = empty()
    memory.fold([trade(1, 0), trade(2, 59_999_999), trade(4, 60_000_000)], 1)
    key = ("ETH-USDT", 60, START)
    assert memory.candles[key].n == 2
    changed = memory.fold([trade(3, 30_000_000, price="99")], 1)
    assert key in changed
    assert ("ETH-USDT", 60, START + MINUTE_US) not in changed
    one = memory.candles[key]
    assert (one.n, one.high, one.close, one.close_key) == (3, Decimal(99), Decimal(99), (0, 3))


@pytest.mark.parametrize(("ts", "bucket"), [(-1, -1), (0, 0), (1, 0)])
def test_the_hours_edge_belongs_to_the_later_hour(ts: int, bucket: int) -> None:
    memory = empty()
    memory.fold([trade(1, ts)], 1)
    hours = [key[2] for key in memory.candles if key[1] == 3600]
    assert hours == [START + bucket * HOUR_US]


def test_candles_close_by_the_markets_clock_once_each() -> None:
    memory = empty()
    second = 1_000_000
    memory.fold([trade(1, 10 * second)], mono=1000 * second)
    key = ("ETH-USDT", 60, START)
    assert memory.take_closed((1000 + 50) * second) == []
    assert memory.take_closed(1050 * second + CLOSE_AFTER_US - 1) == []
    assert memory.take_closed(1050 * second + CLOSE_AFTER_US) == [key]
    assert memory.take_closed(2000 * second) == []
    assert memory.closed(key, 2000 * second)


def test_a_replay_of_another_year_closes_as_that_years_clock_would() -> None:
    memory = empty()
    for number in range(200):
        memory.fold([trade(number, number * MINUTE_US)], mono=5)
    closed = memory.take_closed(6)
    assert [key[2] for key in closed if key[1] == 60] == [
        START + number * MINUTE_US for number in range(198)
    ]
    assert [key for key in closed if key[1] == 3600] == [
        ("ETH-USDT", 3600, START + hour * HOUR_US) for hour in range(3)
    ]


def test_a_minute_that_came_in_one_batch_with_the_next_one_closes_too() -> None:
    memory = empty()
    memory.fold([trade(1, 59_000_000), trade(2, 60_100_000)], mono=1)
    key = ("ETH-USDT", 60, START)
    assert not memory.closed(key, 1)
    assert memory.take_closed(1_000_000) == [key]
    memory.fold([trade(3, 125_000_000)], mono=60_000_000)
    memory.fold([trade(4, 119_999_999), trade(5, 120_500_000)], mono=60_000_000)
    late = ("ETH-USDT", 60, START + MINUTE_US)
    assert late in memory.take_closed(60_000_000)


def test_after_a_restart_in_a_quiet_market_candles_still_close() -> None:
    before = empty()
    before.fold([trade(1, 10_000_000)], mono=1)
    memory = Memory("binance", before.candles, before.recent, {}, {}, partial=False)
    assert memory.take_closed(7_000_000) == []
    assert memory.take_closed(7_000_000 + 49_000_000) == []
    assert ("ETH-USDT", 60, START) in memory.take_closed(7_000_000 + 51_000_000)


def brute_force(trades: list[Trade], newest: int) -> dict[str, Decimal | None]:
    """Return what a ticker must say: the 1,440 minutes that end with the newest trade's."""
    end = newest - newest % MINUTE_US + MINUTE_US
    begin = end - DAY_US
    ordered = sorted(trades, key=lambda one: one.trade_id)
    day = [one for one in ordered if begin <= one.ts_event < end]
    minutes: dict[int, Trade] = {}
    for one in ordered:
        if newest - KEEP_US < one.ts_event // MINUTE_US * MINUTE_US + MINUTE_US <= begin:
            minutes[one.ts_event // MINUTE_US] = one
    before = minutes[max(minutes)] if minutes else None
    if before is None:
        return dict.fromkeys(("change", "high", "low", "volume", "turnover"))
    return {
        "change": Decimal(ordered[-1].price) - Decimal(before.price),
        "high": max(Decimal(one.price) for one in day),
        "low": min(Decimal(one.price) for one in day),
        "volume": sum((Decimal(one.size or 0) for one in day), Decimal(0)),
        "turnover": sum((Decimal(one.price) * Decimal(one.size or 0) for one in day), Decimal(0)),
    }


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def test_the_24_hours_equal_a_brute_force_count_at_every_moment() -> None:
    chance = Random(9)
    trades = random_trades(9, 1500, 3)
    memory = empty()
    shown = 0
    for index in range(len(trades)):
        memory.fold([trades[index]], mono=1)
        if index % 25 == 0 and index:  # and one that comes late
            late_ts = trades[index].ts_event - chance.randrange(20 * HOUR_US)
            late = msgspec.structs.replace(trades[index], trade_id=index - 5000, ts_event=late_ts)
            trades.append(late)
            memory.fold([late], mono=1)
        if index % 10 == 0:
            known = trades[: index + 1] + trades[1500:]
            ticker = memory.ticker("ETH-USDT", 1)
            wanted = brute_force(known, memory.clock.newest)
            found = {
                "change": number(ticker.change_24h),
                "high": number(ticker.high_24h),
                "low": number(ticker.low_24h),
                "volume": number(ticker.volume_24h),
                "turnover": number(ticker.turnover_24h),
            }
            assert found == wanted
            shown += wanted["change"] is not None
    assert shown > 50


def test_a_late_trade_is_in_the_24_hours_at_once() -> None:
    memory = empty()
    memory.fold([trade(1, -DAY_US, "10"), trade(2, 0, "11"), trade(5, 1, "11")], 1)
    assert memory.ticker("ETH-USDT", 1).volume_24h == "2"
    memory.fold([trade(3, -2 * HOUR_US, "99")], 1)
    ticker = memory.ticker("ETH-USDT", 1)
    assert (ticker.volume_24h, ticker.high_24h) == ("3", "99")
    memory.fold([trade(6, 2, "12")], 1)
    assert memory.ticker("ETH-USDT", 1).volume_24h == "4"


def test_the_running_hours_average_is_in_the_ticker() -> None:
    memory = empty()
    memory.fold([trade(1, 0, "10"), trade(2, HOUR_US, "11"), trade(3, HOUR_US + 5, "12")], 1)
    ticker = memory.ticker("ETH-USDT", 1)
    assert ticker.hour_start == START + HOUR_US
    assert (ticker.hour_count, Decimal(ticker.hour_avg or 0)) == (2, Decimal("11.5"))
    assert (ticker.price, ticker.partial) == ("12", False)


def test_the_interval_in_which_the_data_begin_is_partial_and_the_next_is_whole() -> None:
    memory = empty()
    memory.fold([trade(1, HOUR_US + 30), trade(2, HOUR_US + MINUTE_US), trade(3, 2 * HOUR_US)], 1)
    first = START + HOUR_US
    assert memory.is_partial("ETH-USDT", 60, first)
    assert memory.is_partial("ETH-USDT", 86400, START)
    assert not memory.is_partial("ETH-USDT", 60, first + MINUTE_US)
    assert not memory.is_partial("ETH-USDT", 3600, first + HOUR_US)
    known = Memory("binance", {}, {}, {"ETH-USDT": START - DAY_US}, {}, partial=False)
    known.fold([trade(1, HOUR_US + 30)], 1)
    assert not known.is_partial("ETH-USDT", 60, first)


def test_without_postgres_everything_is_partial() -> None:
    memory = empty(partial=True)
    memory.fold([trade(1, 0), trade(2, 5 * HOUR_US)], 1)
    assert memory.is_partial("ETH-USDT", 3600, START + 5 * HOUR_US)
    assert memory.ticker("ETH-USDT", 1).partial


@pytest.mark.parametrize("give", [None, "0.000000000000000001", "999999999999.5"])
def test_sizes_of_any_kind_make_a_ticker(give: str | None) -> None:
    memory = empty()
    memory.fold([trade(1, -DAY_US, size=give), trade(2, 0, size=give)], 1)
    assert memory.ticker("ETH-USDT", 1).volume_24h == (give or "0")


def test_the_ticker_enters_the_next_hour_without_a_trade() -> None:
    memory = empty()
    memory.fold([trade(1, HOUR_US - 2_000_000, "10"), trade(2, HOUR_US - 1_000_000, "12")], 1)
    assert memory.new_hour(1)
    assert not memory.new_hour(500_000)
    assert memory.ticker("ETH-USDT", 500_000).hour_count == 2
    assert memory.new_hour(1_500_000)
    ticker = memory.ticker("ETH-USDT", 1_500_000)
    assert (ticker.hour_start, ticker.hour_avg, ticker.hour_count) == (START + HOUR_US, None, 0)
    assert ticker.price == "12"


def test_a_trade_from_tomorrow_closes_nothing() -> None:
    memory = empty()
    memory.fold([trade(1, 0), trade(2, 1_000_000), trade(3, 23 * HOUR_US)], 1)
    memory.fold([trade(4, 2_000_000)], 1)
    assert memory.take_closed(2) == []
    assert memory.ticker("ETH-USDT", 2).hour_start == START


def test_each_hour_has_the_time_of_its_own_last_trade() -> None:
    memory = empty()
    memory.fold([trade(1, 5), trade(2, 9), trade(4, HOUR_US + 7), trade(5, HOUR_US + 8)], 1)
    assert memory.last_ts("ETH-USDT", START) == START + 9
    memory.fold([trade(3, 8)], 1)
    assert memory.last_ts("ETH-USDT", START) == START + 8
    assert memory.last_ts("ETH-USDT", START + HOUR_US) == START + HOUR_US + 8


def test_of_an_hour_whose_last_trade_is_pruned_its_minute_is_told() -> None:
    before = empty()
    before.fold([trade(1, 5), trade(2, MINUTE_US + 9), trade(3, HOUR_US)], 1)
    ends = {("ETH-USDT", START): START + MINUTE_US + 9, ("OTHER", START): 1}
    for known, found in ((ends, START + MINUTE_US + 9), ({}, START + MINUTE_US)):
        memory = Memory(
            "binance", before.candles, before.recent, {}, {}, partial=False, hour_ends=known
        )
        assert memory.last_ts("ETH-USDT", START) == found
    memory.fold([trade(4, 2 * MINUTE_US + 3)], 1)
    assert memory.last_ts("ETH-USDT", START) == START + 2 * MINUTE_US + 3


def test_the_last_trades_are_kept_in_order_however_they_come() -> None:
    chance = Random(6)
    for _ in range(50):
        trades = [trade(number, number) for number in range(12)]
        memory = empty()
        coming = [*trades, *trades[6:]]
        chance.shuffle(coming)
        while coming:
            memory.fold(coming[:3], 1)
            for one in coming[:2]:
                memory.glimpse(one)
            del coming[:3]
        assert list(memory.recent["ETH-USDT"]) == trades[-5:]

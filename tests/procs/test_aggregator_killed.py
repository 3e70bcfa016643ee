"""An aggregator that was killed at any moment knows again what it knew, and soon."""

import time
from pathlib import Path
from random import Random

import pytest

from bus.messages import Average, Trade
from market import candle
from store import pool
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.procs.living import Aggregating, Persisting
from tests.store import folding
from tests.store.folding import START, random_trades

pytestmark = pytest.mark.usefixtures("exact_decimals")

HOUR_US = 3_600_000_000
REBUILT_WITHIN_S = 2.0
_MILLION_TRADES = """
INSERT INTO candle (exchange, symbol, interval_s, ts_open, n, open, open_key, high, low, close,
                    close_key, volume, sum_p, sum_pq)
SELECT 'binance', 'S' || symbol || '-USDT', interval_s,
       to_timestamp(%s) + number * interval_s * interval '1 second', interval_s * 9 / 7, 100,
       ARRAY[0, number * 2 * interval_s], 101.5, 99.25, 100.75,
       ARRAY[0, number * 2 * interval_s + 1],
       interval_s * 1.25, interval_s * 9 / 7 * 100.5, interval_s * 125.625
FROM generate_series(1, 9) AS symbol, unnest(ARRAY[60, 3600, 86400]) AS interval_s,
     generate_series(0, 86400 / interval_s - 1) AS number
"""


def hours(one: Aggregating) -> dict[int, object]:
    """Return the hours' candles of a life."""
    memory = one.actor._memories["binance"]
    return {key[2]: made for key, made in memory.candles.items() if key[1] == 3600}


def averages(one: Aggregating) -> dict[int, tuple[str, int, int]]:
    """Return what a life has published of each hour last."""
    return {
        each.hour_start: (each.avg, each.count, each.last_ts)
        for each in one.published
        if isinstance(each, Average)
    }


def test_f2_killed_at_any_moment_it_has_the_running_hour_as_before(
    record: Journalling,
    start: Start,
    storing: Persisting,
    tmp_path: Path,
    database: str,
) -> None:
    chance = Random(2)
    trades = random_trades(21, 900, 1)
    known: list[Trade] = []
    from_journal: list[int] = []
    one = start().based()
    for begin in range(0, 900, 45):
        part = trades[begin : begin + 45]
        chance.shuffle(part)
        known += part
        body = record.append(part)
        if chance.random() < 0.5:
            one.take(body)
            one.live(chance.randrange(3))
        if chance.random() < 0.5 and begin < 855:
            storing.take(body)
            storing.live()
        one = start().based()  # the one before is gone without a word
        one.live(2)
        from_journal.append(one.health.counters["from_journal"])
        whole = folding.grouped(known, folding.opening(3600))
        running = max(whole)
        assert hours(one)[running] == whole[running]
        last = max((each for each in known if each.ts_event >= running), key=lambda x: x.trade_id)
        avg = candle.hour_average(
            "binance", "ETH-USDT", running, whole[running], last.ts_event, partial=False
        )
        assert averages(one)[running] == (avg.avg, avg.count, avg.last_ts)
    assert 0 in from_journal
    assert max(from_journal) > 45
    blind = Aggregating(tmp_path / "elsewhere", database, one.clock).based()  # without the journal
    assert hours(blind).get(running) != whole[running]
    blind.end()


@pytest.mark.alone
def test_f2_the_candles_of_a_million_trades_are_taken_within_two_seconds(
    record: Journalling, start: Start, connection: pool.Connection
) -> None:
    connection.execute(_MILLION_TRADES, [START // 1_000_000])
    last = [
        Trade(f"S{number}-USDT", 1 << 40, START + 23 * HOUR_US, START, "100", "1", "buy")
        for number in range(1, 10)
    ]
    record.append(last)
    taken: list[float] = []
    for _ in range(3):
        begin = time.process_time()  # its own: other tests may have the machine
        one = start()
        assert one.loadings[0].done.wait(10)
        one.live(2)
        taken.append(time.process_time() - begin)
        assert one.health.state == "ready"
    memory = one.actor._memories["binance"]
    days = [made.n for key, made in memory.candles.items() if key[1] == 86400]
    assert sum(days) == 9 * (86400 * 9 // 7 + 1) == 999_774
    assert len(memory.candles) == 9 * (1440 + 24 + 1)
    assert min(taken) < REBUILT_WITHIN_S

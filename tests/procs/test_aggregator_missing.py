"""Candles over gaps: partial until what is missing has come, and no others are."""

from random import Random

import pytest

from bus.messages import Candle, Gap, GapOpened, Quarantined, Trade
from market import candle
from procs.aggregator.memory import Memory
from procs.aggregator.missing import FOREVER, MINUTE_US, Span, span
from tests.procs.fix_aggregator import Start
from tests.procs.journalling import Journalling
from tests.procs.living import Persisting
from tests.store.folding import START

pytestmark = pytest.mark.usefixtures("exact_decimals")

HOUR_US = 3_600_000_000
SYMBOL = "ETH-USDT"


def trade(trade_id: int, minute: float) -> Trade:
    ts = START + int(minute * MINUTE_US)
    return Trade(SYMBOL, trade_id, ts, ts, "10", "1", "buy")


def minutes_of(trades: list[Trade]) -> dict[int, Candle]:
    return {key[2] - START: one for key, one in candle.fold(trades).items() if key[1] == 60}


def known(*trades: Trade) -> Memory:
    """Return a memory whose data begin long before these trades."""
    memory = Memory("binance", {}, {}, {SYMBOL: START - 48 * HOUR_US}, {}, partial=False)
    memory.fold(trades, 1)
    return memory


def partial(memory: Memory, interval_s: int = 60) -> list[int]:
    """Return the numbers of the intervals that are partial."""
    opened = [key[2] for key in memory.candles if key[1] == interval_s]
    return sorted(
        (ts - START) // (interval_s * 1_000_000)
        for ts in opened
        if memory.is_partial(SYMBOL, interval_s, ts)
    )


@pytest.mark.parametrize(
    ("gap", "begin", "end"),
    [
        (Gap(SYMBOL, 12, 14), 1, 3),  # from one minute into the next
        (Gap(SYMBOL, 16, 16), 2, 3),  # within one
        (Gap(SYMBOL, 5, 9), None, 2),  # nothing is known before it
        (Gap(SYMBOL, 31, 40), 4, None),  # nor after it
    ],
)
def test_a_gaps_time_is_that_of_the_trades_next_to_it(
    gap: Gap, begin: int | None, end: int | None
) -> None:
    trades = [trade(10, 1), trade(11, 1.9), trade(15, 2), trade(17, 2.5), trade(30, 4)]
    assert span(minutes_of(trades), gap) == Span(
        -FOREVER if begin is None else begin * MINUTE_US,
        FOREVER if end is None else end * MINUTE_US,
    )


def test_the_missing_trades_are_never_outside_the_span() -> None:
    chance = Random(3)
    for _ in range(200):
        times = sorted(chance.uniform(0, 20) for _ in range(60))
        jitter = chance.choice([0, 0.4])
        trades = [
            trade(number, max(0, ts + chance.uniform(-jitter, jitter)))
            for number, ts in enumerate(times)
        ]
        first = chance.randrange(1, 58)
        last = chance.randrange(first, 59)
        lost = trades[first : last + 1]
        found = span(minutes_of(trades[:first] + trades[last + 1 :]), Gap(SYMBOL, first, last))
        if not jitter:
            assert all(found.begin <= one.ts_event - START < found.end for one in lost)
        neighbours = (trades[first - 1], trades[last + 1])
        assert all(found.begin <= one.ts_event - START < found.end for one in neighbours)


def test_candles_are_partial_from_the_gap_until_it_is_filled() -> None:
    memory = known(trade(1, 0), trade(2, 5), trade(9, 7), trade(10, 70))
    assert partial(memory) == []
    touched = memory.lack([Gap(SYMBOL, 3, 8)])
    assert partial(memory) == [5, 7]
    assert partial(memory, 3600) == [0]
    assert partial(memory, 86400) == [0]
    minute, hour = (SYMBOL, 60, START + 5 * MINUTE_US), (SYMBOL, 3600, START)
    assert {minute, hour} <= touched
    assert (SYMBOL, 60, START) not in touched
    memory.fold([trade(3, 5.5), trade(4, 6), trade(5, 6), trade(8, 6.9)], 1)
    assert partial(memory) == [6]
    changed = memory.fold([trade(6, 6), trade(7, 6)], 1)
    assert partial(memory) == partial(memory, 3600) == []
    assert {hour, (SYMBOL, 60, START + 6 * MINUTE_US)} <= changed


def test_a_gap_at_the_end_ends_with_the_next_trade() -> None:
    memory = known(trade(1, 0), trade(2, 5))
    memory.lack([Gap(SYMBOL, 3, 4)])
    assert partial(memory) == [5]
    changed = memory.fold([trade(5, 9)], 1)
    assert partial(memory) == [5, 9]
    assert (SYMBOL, 60, START + 9 * MINUTE_US) in changed
    memory.fold([trade(6, 10)], 1)
    assert partial(memory) == [5, 9]


def test_what_was_not_believed_is_not_missing() -> None:
    memory = known(trade(1, 0), trade(4, 5))
    memory.lack([Gap(SYMBOL, 2, 3)])
    memory.fold([trade(3, 2)], 1)
    assert partial(memory) == [0, 2]
    changed = memory.pass_over([Quarantined(SYMBOL, 2, START, "a test", "{}")])
    assert partial(memory) == []
    assert (SYMBOL, 60, START) in changed


def test_a_gap_that_cannot_be_filled_stays_and_one_that_comes_after_all_goes() -> None:
    memory = known(trade(1, 0), trade(4, 5))
    gap = [Gap(SYMBOL, 2, 3)]
    assert memory.lack(gap)
    assert memory.lack(gap) == set()
    assert partial(memory) == [0, 5]
    memory.fold([trade(2, 1), trade(3, 1)], 1)
    assert partial(memory) == []
    assert memory.lack(gap) == set()


def test_of_the_gaps_in_postgres_only_those_within_the_memory_count() -> None:
    before = known(trade(11, 0), trade(12, 5), trade(20, 7))

    def loaded(gap: Gap) -> list[int]:
        memory = Memory(
            "binance",
            before.candles,
            before.recent,
            {SYMBOL: START - 48 * HOUR_US},
            {(SYMBOL, 0): [(1, 4), (11, 12), (20, 20)]},
            partial=False,
            gaps=[gap],
        )
        return partial(memory)

    assert loaded(Gap(SYMBOL, 5, 9)) == []
    assert loaded(Gap(SYMBOL, 5, 10)) == [0]
    assert loaded(Gap(SYMBOL, 13, 19)) == [5, 7]
    assert loaded(Gap(SYMBOL, 3, 4)) == []
    assert loaded(Gap("OTHER-USDT", 3, 4)) == []


def test_a_gap_is_forgotten_with_its_candles() -> None:
    memory = known(trade(1, 0), trade(4, 5))
    memory.lack([Gap(SYMBOL, 2, 3)])
    assert memory._missing
    for minute in (60 * 24, 60 * 26):
        assert memory._missing
        memory.fold([trade(minute, minute), trade(minute + 1, minute)], 1)
    assert not memory._missing


def test_a_closed_candle_over_a_gap_is_published_as_partial_and_whole_once_it_is_filled(
    record: Journalling, start: Start, storing: Persisting
) -> None:
    one = start().based()
    first, key = ("binance", "ETH-USDT", 60, START), ("binance", "ETH-USDT", 60, START + MINUTE_US)
    parts = [trade(1, 0), trade(2, 1), trade(5, 1.5)]
    later = [trade(6, 3), trade(7, 3)]  # two: one alone is not believed
    one.take(record.append(parts + later))
    one.live(3)
    assert (one.newest[key].partial, one.newest[first].partial) == (False, True)
    gap = [Gap("ETH-USDT", 3, 4)]
    one.take(record.add(lambda epoch, seq: GapOpened("binance", epoch, seq, gap, "a test")))
    one.live(2)
    assert (one.newest[key].partial, one.newest[key].closed, one.newest[key].n) == (True, True, 2)
    record.append([trade(4, 1.4)])
    storing.live()
    other = start().based()  # it has the gap from Postgres
    for each in (one, other):
        each.live(2)
        assert each.actor._memories["binance"].is_partial("ETH-USDT", 60, START + MINUTE_US)
    body = record.append([trade(3, 1.3)])
    for each in (one, other):
        each.take(body)
        each.live(2)
        assert (each.newest[key].partial, each.newest[key].n) == (False, 4)

"""When trades happen: compared with a plain count, over random pauses and lists of symbols."""

from hypothesis import given, settings
from hypothesis import strategies as st

from procs.simulator.schedule import BILLION, Schedule, Segment

NAMES = "abcd"
symbols = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
segments = st.lists(
    st.tuples(symbols, st.integers(0, 40_000), st.integers(0, 5_000)), min_size=1, max_size=5
)
rates = st.sampled_from([700_000, 1_000_000, 3_333_333, 20_000_000])


def counted(rate_milli: int, parts: tuple[Segment, ...], now: int) -> list[tuple[str, int, int]]:
    """Return (symbol, id, time) of all trades, counted one by one."""
    ids = dict.fromkeys(NAMES, 0)
    out = []
    for part in parts:
        until = now if part.end is None else part.end
        k = 0
        while (ts := part.start + k * BILLION // rate_milli) <= until:
            symbol = part.symbols[k % len(part.symbols)]
            ids[symbol] += 1
            out.append((symbol, ids[symbol], ts))
            k += 1
    return out


def scheduled(rate_milli: int, parts: list[tuple[list[str], int, int]]) -> tuple[Schedule, int]:
    """Return a schedule that went through these (symbols, length, pause), and its last moment."""
    made, now = Schedule(rate_milli, ()), 1_000_000
    for index, (names, length, rest) in enumerate(parts):
        made.open(now, names)
        now += length
        if index < len(parts) - 1:
            made.close(now)
            now += rest
    return made, now


@settings(max_examples=150, deadline=None)
@given(rates, segments)
def test_ids_times_and_counts_equal_a_plain_count(
    rate_milli: int, parts: list[tuple[list[str], int, int]]
) -> None:
    lived, now = scheduled(rate_milli, parts)
    expected = counted(rate_milli, lived.segments, now)
    for schedule in (lived, Schedule(rate_milli, lived.segments)):
        assert schedule.ticks(now) == len(expected)
        for symbol, trade_id, ts in expected:
            assert schedule.when(symbol, trade_id) == ts
        for tick in range(0, len(expected) + 1, 7):
            for name in NAMES:
                ids = [trade_id for symbol, trade_id, _ in expected[:tick] if symbol == name]
                assert schedule.last_id(name, tick) == max(ids, default=0)


@settings(max_examples=150, deadline=None)
@given(rates, segments, st.integers(0, 1000))
def test_stretches_cut_anywhere_yield_every_trade_once(
    rate_milli: int, parts: list[tuple[list[str], int, int]], cut: int
) -> None:
    schedule, now = scheduled(rate_milli, parts)
    last = schedule.ticks(now)
    found = []
    for first, end in ((0, min(cut, last)), (min(cut, last), last)):
        for stretch in schedule.stretches(first, end):
            turns = len(stretch.first_ids)
            for k in range(stretch.first, stretch.last):
                trade_id = stretch.first_ids[k % turns] + k // turns
                found.append((trade_id, stretch.start + k * BILLION // rate_milli))
    assert found == [trade[1:] for trade in counted(rate_milli, schedule.segments, now)]


def test_the_next_trade_is_due_when_it_then_happens() -> None:
    schedule = Schedule(333_000, ())
    schedule.open(1_000, ["a", "b"])
    for _ in range(50):
        done = schedule.ticks(1_000)
        due = schedule.next_at(done)
        assert due is not None
        assert schedule.ticks(due - 1) == done
        assert schedule.ticks(due) == done + 1


def test_nothing_happens_in_a_pause_and_trade_by_trade_it_goes_on() -> None:
    schedule = Schedule(1_000_000, ())
    schedule.open(0, ["a"])
    schedule.close(5_500)
    assert (schedule.ticks(10_000), schedule.next_at(6)) == (6, None)
    schedule.open(20_000, ["a"])
    assert [schedule.when("a", trade_id) for trade_id in (6, 7, 8)] == [5_000, 20_000, 21_000]


def test_a_clock_that_is_set_back_takes_no_trade_back() -> None:
    schedule = Schedule(1_000_000, ())
    schedule.open(0, ["a"])
    assert schedule.ticks(10_000) == 11
    assert schedule.ticks(3_000) == 11
    schedule.close(3_000)
    assert schedule.ticks(20_000) == 11

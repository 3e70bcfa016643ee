"""Which ids are missing, and when something is done about it."""

from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Gap
from market.sequence import IdSet
from procs.feed.holes import (
    ABSENT_TIMES,
    ASK_AGAIN_US,
    GRACE_US,
    JUMP_MAX,
    TOGETHER_IDS,
    WANTED_MAX,
    Frontier,
    Holes,
    Key,
)

KEY: Key = ("BTC-USD", 0)


def gap(first: int, last: int) -> Gap:
    return Gap("BTC-USD", first, last)


def noted(*jumps: tuple[int, int], at: int = 0) -> Holes:
    holes = Holes()
    for first, last in jumps:
        holes.jumped(KEY, first, last, 7, at)
    return holes


def opened(ids: dict[Key, IdSet], *jumps: tuple[int, int]) -> Holes:
    holes = noted(*jumps)
    for found, since in holes.due(ids, GRACE_US):
        holes.open(found, since, GRACE_US)
    return holes


def test_what_comes_within_the_grace_is_no_gap() -> None:
    ids = {KEY: IdSet([(1, 4), (9, 9)])}
    holes = noted((5, 8))
    assert holes.due(ids, GRACE_US - 1) == []
    ids[KEY].add_range(6, 7)
    assert holes.due(ids, GRACE_US) == [(gap(5, 5), 7), (gap(8, 8), 7)]
    assert holes.due(ids, 10 * GRACE_US) == []


def test_a_gap_is_opened_once_however_often_it_is_noted() -> None:
    ids = {KEY: IdSet([(1, 4), (20, 20)])}
    holes = opened(ids, (5, 19))
    holes.jumped(KEY, 1, 30, None, 0)
    assert holes.due(ids, GRACE_US) == [(gap(21, 30), None)]


def test_jumps_that_touch_are_one_and_ripen_with_the_first() -> None:
    ids = {KEY: IdSet([(1, 1)])}
    holes = noted((2, 2), (3, 3), (3, 5))
    assert holes.due(ids, GRACE_US) == [(gap(2, 5), 7)]


def test_it_is_asked_for_again_by_timer_until_it_is_there() -> None:
    ids = {KEY: IdSet([(1, 4), (9, 9)])}
    holes = opened(ids, (5, 8))
    (wanted,) = holes.wanted(ids, GRACE_US)
    assert (wanted.first_id, wanted.last_id, wanted.since) == (5, 8, 7)
    assert holes.wanted(ids, GRACE_US + ASK_AGAIN_US - 1) == []
    ids[KEY].add_range(5, 6)
    (wanted,) = holes.wanted(ids, GRACE_US + ASK_AGAIN_US)
    assert (wanted.first_id, wanted.last_id) == (7, 8)
    assert holes.filled(ids) == []
    ids[KEY].add_range(7, 8)
    assert holes.filled(ids) == [gap(5, 8)]
    assert holes.wanted(ids, 1 << 60) == []


def test_neighbours_are_asked_for_together_and_the_newest_first() -> None:
    far = 3 * TOGETHER_IDS
    ids = {KEY: IdSet([(1, 9), (11, 19), (21, far), (far + 2, far + 2)])}
    holes = opened(ids, (10, 10), (20, 20), (far + 1, far + 1))
    assert [(one.first_id, one.last_id) for one in holes.wanted(ids, GRACE_US)] == [
        (far + 1, far + 1),
        (10, 20),
    ]


def test_the_exchange_is_believed_when_it_has_said_often_enough_that_it_has_none() -> None:
    ids = {KEY: IdSet([(1, 4), (9, 9)])}
    holes = opened(ids, (5, 8))
    ids[KEY].add(6)
    for _ in range(ABSENT_TIMES):
        assert holes.unfillable(ids) == []
        holes.absent(KEY, [(5, 5)], ids)  # not all of what is missing
        assert holes.unfillable(ids) == []
        holes.absent(KEY, [(5, 5), (7, 8)], ids)
    assert holes.unfillable(ids) == [gap(5, 5), gap(7, 8)]
    holes.jumped(KEY, 5, 8, None, 0)
    assert holes.due(ids, GRACE_US) == []  # and is not asked again


def test_open_gaps_and_missing_ids_are_counted() -> None:
    ids = {KEY: IdSet([(1, 4), (9, 9), (11, 11)])}
    holes = opened(ids, (5, 8), (10, 10))
    assert holes.count() == {"BTC-USD": (2, 5)}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_every_id_between_the_first_and_the_frontier_is_seen_or_in_a_gap(
    arrived: list[int],
) -> None:
    ids = {KEY: IdSet()}
    frontier, holes = Frontier(ids[KEY]), Holes()
    for number in arrived:
        ids[KEY].add(number)
        passed = frontier.passed(number)
        if passed is not None:
            holes.jumped(KEY, *passed, None, 0)
    missing: set[int] = set()
    for found, _ in holes.due(ids, GRACE_US):
        missing.update(range(found.first_id, found.last_id + 1))
    assert frontier.last == max(arrived)
    assert missing == set(range(arrived[0], max(arrived) + 1)) - set(arrived)


def test_one_id_that_jumps_leads_nobody_astray() -> None:
    frontier = Frontier(IdSet([(1, 100)]))
    assert frontier.passed(1_000_000_100) is None
    assert frontier.doubtful == 1_000_000_100
    assert frontier.passed(101) is None
    assert frontier.passed(103) == (102, 102)
    assert frontier.last == 103


def test_a_jump_that_the_next_id_confirms_is_a_gap_however_long() -> None:
    frontier = Frontier(IdSet([(1, 100)]))
    assert frontier.passed(3_000_000) is None
    assert frontier.passed(3_000_001) == (101, 3_000_000)
    assert frontier.last == 3_000_001


def test_after_a_restart_it_begins_where_most_ids_are() -> None:
    far = 10 * JUMP_MAX
    assert Frontier(IdSet()).last is None
    assert Frontier(IdSet([(1, 50), (60, 90), (far, far + 2)])).last == 90
    assert Frontier(IdSet([(1, 2), (far, far + 2), (far + 9, far + 10)])).last == far + 10


def test_a_symbol_with_many_gaps_leaves_room_for_the_others() -> None:
    other: Key = ("ETH-USD", 0)
    step = 2 * TOGETHER_IDS
    ids = {KEY: IdSet([(1, 300 * step)]), other: IdSet([(1, 1), (3, 3)])}
    holes = Holes()
    for number in range(1, 250):
        ids[KEY].remove_range(number * step, number * step)
        holes.open(gap(number * step, number * step), None, 0)
    holes.open(Gap("ETH-USD", 2, 2), None, 0)
    first = holes.wanted(ids, 0)
    assert len(first) == WANTED_MAX
    assert {one.symbol for one in first[:2]} == {"BTC-USD", "ETH-USD"}
    second, third = holes.wanted(ids, 0), holes.wanted(ids, 0)
    asked = [one.first_id for one in [*first, *second, *third] if one.symbol == "BTC-USD"]
    assert sorted(asked) == [number * step for number in range(1, 250)]


def test_where_one_comes_that_was_given_up_others_are_looked_for_again() -> None:
    ids = {KEY: IdSet([(1, 4), (9, 9)])}
    holes = opened(ids, (5, 8))
    for _ in range(ABSENT_TIMES):
        holes.absent(KEY, [(5, 8)], ids)
    assert holes.unfillable(ids) == [gap(5, 8)]
    ids[KEY].add(6)
    holes.late(KEY, 6, ids[KEY], ASK_AGAIN_US)
    assert holes.due(ids, 2 * ASK_AGAIN_US) == [(gap(5, 5), None), (gap(7, 8), None)]


def test_many_gaps_that_ripen_together_become_one() -> None:
    ids = {KEY: IdSet([(n, n) for n in range(1, 3000, 2)])}
    holes = noted((1, 2999))
    assert holes.due(ids, GRACE_US) == [(gap(2, 2998), 7)]

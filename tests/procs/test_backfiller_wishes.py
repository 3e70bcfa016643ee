"""What an exchange is asked for, by values: every wanted id comes or is settled as absent."""

from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Wanted
from procs.backfiller.wish import UNTIL_ANSWERS_MAX
from procs.backfiller.wishes import AHEAD_MAX, WISHES_MAX, Settled, Wishes

BTC, ETH = "BTC-USD", "ETH-USD"


def wishing(*ranges: tuple[int, int], symbol: str = BTC) -> Wishes:
    """Return wishes for these ranges."""
    wishes = Wishes()
    for first, last in ranges:
        wishes.add(Wanted(symbol, first, last))
    return wishes


def asked_next(wishes: Wishes) -> Wanted:
    found = wishes.next()
    assert found is not None
    return found


def ids(*ranges: tuple[int, int]) -> list[int]:
    """Return the ids of rising ranges."""
    return [one for first, last in ranges for one in range(first, last + 1)]


def test_a_range_is_asked_for_until_all_of_it_has_come() -> None:
    wishes = wishing((11, 30))
    asked = asked_next(wishes)
    assert asked == Wanted(BTC, 11, 30)
    assert wishes.settle(asked, ids((21, 33))) == Settled(set(range(21, 31)), [], 0)
    asked = asked_next(wishes)
    assert asked == Wanted(BTC, 11, 20)
    assert wishes.settle(asked, ids((5, 20))) == Settled(set(range(11, 21)), [], 1)
    assert wishes.next() is None
    assert len(wishes) == 0


def test_an_answer_with_nothing_of_the_range_says_that_the_exchange_has_nothing_there() -> None:
    wishes = wishing((11, 30))
    assert wishes.settle(asked_next(wishes), []) == Settled(set(), [(11, 30)], 1)
    assert wishes.next() is None
    wishes = wishing((11, 1_000_000_010))
    settled = wishes.settle(asked_next(wishes), ids((1_000_000_011, 1_000_000_099)))
    assert settled == Settled(set(), [(11, 1_000_000_010)], 1)
    assert wishes.next() is None


def test_what_a_page_skips_the_exchange_has_not_and_that_is_said_with_the_rest() -> None:
    wishes = wishing((1, 30))
    settled = wishes.settle(asked_next(wishes), ids((21, 24), (27, 27), (29, 40)))
    assert (settled.absent, settled.finished) == ([], 0)  # not all of the range is settled
    assert asked_next(wishes) == Wanted(BTC, 1, 20)
    settled = wishes.settle(Wanted(BTC, 1, 20), ids((0, 9), (11, 20)))
    assert settled.ids == set(ids((1, 9), (11, 20)))
    assert settled.absent == [(10, 10), (25, 26), (28, 28)]
    assert settled.finished == 1


def test_one_page_finishes_every_range_that_it_covers() -> None:
    wishes = wishing((1, 5), (8, 8), (50, 60))
    settled = wishes.settle(asked_next(wishes), ids((1, 4), (7, 8), (55, 60)))
    assert settled == Settled(set(ids((1, 4), (8, 8), (55, 60))), [(5, 5), (50, 54)], 3)


def test_a_page_that_reaches_to_a_short_range_brings_what_is_strewn_before_it() -> None:
    wishes = wishing(*((at, at) for at in range(0, 1000, 10)))
    settled = wishes.settle(asked_next(wishes), ids((0, 999)))
    assert settled.finished == 100
    assert wishes.next() is None


def test_what_is_being_asked_for_is_not_asked_for_twice() -> None:
    wishes = wishing((10, 20), (10, 20), (12, 15))
    assert len(wishes) == 1
    asked = asked_next(wishes)
    assert wishes.settle(asked, ids((16, 20))).ids == set(ids((16, 20)))
    wishes.add(Wanted(BTC, 10, 20))  # it may not have heard of these yet
    assert asked_next(wishes) == Wanted(BTC, 10, 15)
    wishes.add(Wanted(BTC, 5, 25))
    assert len(wishes) == 3
    found = set()
    for _ in range(3):
        asked = asked_next(wishes)
        found |= wishes.settle(asked, ids((asked.first_id, asked.last_id))).ids
    assert found == {*ids((5, 15), (21, 25))}
    assert wishes.next() is None
    wishes.add(Wanted(BTC, 10, 20))
    assert asked_next(wishes) == Wanted(BTC, 10, 20)


def test_of_what_may_come_after_the_newest_one_answer_is_enough() -> None:
    for found, absent in (
        (ids((10, 10)), [(11, 1009)]),
        (ids((10, 15)), [(16, 1009)]),
        (ids((20, 30), (35, 40)), [(31, 34), (41, 1009)]),  # the feed misses 11 to 19 now
        ([], [(11, 1009)]),
        (ids((10, 1009)), []),
    ):
        wishes = Wishes()
        wishes.add(Wanted(BTC, 11, 1009, ahead=True))
        settled = wishes.settle(asked_next(wishes), found)
        assert settled == Settled({one for one in found if one > 10}, absent, 1)
        assert wishes.next() is None


def test_what_may_not_be_there_leaves_room_for_what_is_missing() -> None:
    wishes = Wishes()
    for number in range(2 * WISHES_MAX):
        wishes.add(Wanted(f"COIN{number}-USD", 11, 1009, ahead=True))
    assert len(wishes) == AHEAD_MAX
    wishes.add(Wanted(BTC, 5, 6))
    assert len(wishes) == AHEAD_MAX + 1


def test_symbols_take_turns_page_by_page_and_of_each_the_newest_comes_first() -> None:
    wishes = wishing((1, 9), (100, 199))
    wishes.add(Wanted(ETH, 1, 5000))
    turns = []
    for _ in range(5):
        asked = asked_next(wishes)
        turns.append((asked.symbol, asked.first_id, asked.last_id))
        newest = range(max(asked.first_id, asked.last_id - 999), asked.last_id + 1)
        wishes.settle(asked, list(newest))
    assert turns == [(BTC, 100, 199), (ETH, 1, 5000), (BTC, 1, 9), (ETH, 1, 4000), (ETH, 1, 3000)]


def test_series_are_kept_apart_and_the_time_goes_with_the_range() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 5, 9, 0, 77))
    wishes.add(Wanted(BTC, 5, 9, 1, 88))
    first, second = asked_next(wishes), asked_next(wishes)
    assert (first, second) == (Wanted(BTC, 5, 9, 0, 77), Wanted(BTC, 5, 9, 1, 88))
    assert wishes.settle(first, ids((5, 9))).finished == 1
    assert asked_next(wishes) == second


def test_what_is_dropped_is_not_asked_for_until_it_is_wanted_again() -> None:
    wishes = wishing((1, 9), (20, 30))
    wishes.add(Wanted(ETH, 3, 4))
    wishes.drop(Wanted(BTC, 20, 30))
    assert [asked_next(wishes).symbol for _ in range(2)] == [ETH, ETH]
    wishes.add(Wanted(BTC, 1, 9))
    assert len(wishes) == 2


def test_no_more_than_so_many_ranges_are_taken() -> None:
    wishes = wishing(*((at, at) for at in range(0, 3 * WISHES_MAX, 2)))
    assert len(wishes) == WISHES_MAX


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 60)), min_size=1, max_size=6),
    st.sets(st.integers(0, 400)),
    st.integers(1, 50),
    st.booleans(),
)
def test_whatever_the_exchange_has_comes_and_the_rest_is_absent(
    ranges: list[tuple[int, int]], had: set[int], limit: int, rising: bool
) -> None:
    wishes = wishing(*((first, first + more) for first, more in ranges))
    wanted = {one for first, more in ranges for one in range(first, first + more + 1)}
    parts = len(wishes)
    brought: set[int] = set()
    absent: list[tuple[int, int]] = []
    finished = calls = 0
    while (asked := wishes.next()) is not None:
        calls += 1
        if rising:
            first = min(asked.first_id, asked.last_id - limit + 1)
            page = sorted(one for one in had if one >= first)[:limit]
        else:
            page = sorted(one for one in had if one <= asked.last_id)[-limit:]
        settled = wishes.settle(asked, page)
        assert not settled.ids & brought
        brought |= settled.ids
        absent += settled.absent
        finished += settled.finished
    assert brought == wanted & had
    assert sorted(ids(*absent)) == sorted(wanted - had)
    assert finished == parts
    assert calls <= 3 * parts + len(brought) // limit


# ---- trades of which nobody knows the number


def timed(first: int, last: int) -> dict[int, int]:
    """Return the times of trades that come every ten seconds."""
    return {one: one * 10 for one in range(first, last + 1)}


def test_trades_until_a_time_are_asked_for_from_the_newest_on() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 0, 500, until=2005))
    asked = asked_next(wishes)
    assert asked == Wanted(BTC, 500, 500, until=2005)
    settled = wishes.settle(asked, ids((401, 505)), timed(401, 505))
    assert settled == Settled(set(ids((401, 500))), [], 0)
    asked = asked_next(wishes)
    assert asked == Wanted(BTC, 400, 400, until=2005)
    # That of 200 proves that nothing is missing since; what is before it is nobody's business.
    assert wishes.settle(asked, ids((150, 400)), timed(150, 400)) == Settled(
        set(ids((200, 400))), [], 1
    )
    assert wishes.next() is None


def test_an_exchange_that_has_nothing_older_ends_the_search_for_it() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 0, 500, until=5))
    assert wishes.settle(asked_next(wishes), ids((401, 500)), timed(401, 500)).finished == 0
    assert wishes.settle(asked_next(wishes), ids((401, 900)), {}) == Settled(set(), [(0, 400)], 1)


def test_what_a_page_until_a_time_skips_the_exchange_has_not() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 0, 30, until=95))
    page = ids((8, 15), (18, 30))
    settled = wishes.settle(asked_next(wishes), page, timed(0, 40))
    assert settled == Settled(set(ids((9, 15), (18, 30))), [(16, 17)], 1)


def test_a_trade_whose_time_is_not_believed_ends_no_search() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 0, 30, until=95))
    times = {one: at for one, at in timed(0, 30).items() if one != 9}
    settled = wishes.settle(asked_next(wishes), ids((9, 30)), times)
    assert (settled.ids, settled.finished) == (set(ids((9, 30))), 0)


def test_a_range_that_is_wanted_in_parts_ends_as_one() -> None:
    wishes = wishing((20, 21))
    wishes.add(Wanted(BTC, 0, 30, until=255))
    settled = wishes.settle(asked_next(wishes), ids((10, 30)), timed(0, 30))
    assert settled == Settled(set(ids((20, 21), (25, 30))), [], 3)


def test_after_a_hundred_answers_it_is_left_at_that() -> None:
    wishes = Wishes()
    wishes.add(Wanted(BTC, 0, 1_000_000, until=5))
    calls = 0
    while (asked := wishes.next()) is not None:
        calls += 1
        found = ids((asked.last_id - 99, asked.last_id))
        settled = wishes.settle(asked, found, timed(found[0], found[-1]))
    assert calls == UNTIL_ANSWERS_MAX
    assert (settled.finished, settled.absent) == (1, [])

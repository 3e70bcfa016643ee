"""The set of seen ids against Python's own set."""

from hypothesis import given, settings
from hypothesis import strategies as st

from market.sequence import IdSet

IDS = st.integers(0, 30)
STEP = st.tuples(st.sampled_from(["add", "range", "remove", "take"]), IDS, IDS)


def intervals_of(numbers: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


@settings(max_examples=300)
@given(st.lists(st.tuples(IDS, IDS), max_size=4), st.lists(STEP, max_size=25))
def test_it_is_a_set_and_its_touched_rows_keep_a_stored_copy_equal(
    begin: list[tuple[int, int]], steps: list[tuple[str, int, int]]
) -> None:
    ids = IdSet((min(pair), max(pair)) for pair in begin)
    model = {n for a, b in begin for n in range(min(a, b), max(a, b) + 1)}
    stored = dict(ids.intervals())
    for kind, a, b in [*steps, ("take", 0, 0)]:
        low, high = min(a, b), max(a, b)
        if kind == "add":
            assert ids.add(a) is (a not in model)
            model.add(a)
        elif kind == "range":
            ids.add_range(low, high)
            model.update(range(low, high + 1))
        elif kind == "remove":
            ids.remove_range(low, high)
            model.difference_update(range(low, high + 1))
        else:
            for row, end in ids.take_touched().items():
                if end is None:
                    stored.pop(row, None)
                else:
                    stored[row] = end
            assert sorted(stored.items()) == ids.intervals()
            assert ids.take_touched() == {}
        assert ids.intervals() == intervals_of(model)
        assert len(ids) == len(model)
        assert ids.last == max(model, default=None)
        assert all((n in ids) is (n in model) for n in range(-1, 33))
        whole = intervals_of(set(range(min(model), max(model) + 1)) - model) if model else []
        assert ids.gaps() == whole
        inside = {n for n in model if low <= n <= high}
        assert ids.within(low, high) == intervals_of(inside)
        assert ids.missing(low, high) == intervals_of(set(range(low, high + 1)) - inside)


@given(st.lists(IDS))
def test_of_times_of_update_only_a_later_one_is_news_and_they_stay_one_interval(
    numbers: list[int],
) -> None:
    ids, stored = IdSet(), dict[int, int]()
    for at, number in enumerate(numbers):
        assert ids.advance(number) is (number > max(numbers[:at], default=-1))
        assert ids.intervals() == [(0, max(numbers[: at + 1]))]
        stored.update({low: high or 0 for low, high in ids.take_touched().items()})
    assert sorted(stored.items()) == ids.intervals()


def test_what_was_seen_one_by_one_becomes_one_interval_with_the_first_time_of_update() -> None:
    ids = IdSet([(3, 4), (8, 9)])
    assert not ids.advance(7)
    assert ids.advance(12)
    assert ids.intervals() == [(0, 12)]
    assert ids.take_touched() == {3: None, 8: None, 0: 12}


def test_ids_as_large_as_postgres_keeps_them_are_no_trouble() -> None:
    ids = IdSet([(0, 10)])
    assert ids.add((1 << 63) - 2)
    assert ids.gaps() == [(11, (1 << 63) - 3)]


@given(st.lists(st.tuples(IDS, IDS), max_size=4), st.lists(IDS, max_size=10), st.booleans())
def test_what_could_not_be_stored_is_still_to_be_stored(
    begin: list[tuple[int, int]], arrived: list[int], forget: bool
) -> None:
    ids = IdSet((min(pair), max(pair)) for pair in begin)
    stored = dict(ids.intervals())
    new = [number for number in arrived if ids.add(number)]
    ids.touch_again(ids.take_touched())
    for number in new if forget else ():
        ids.forget_new(number)
    ids.add_range(100, 101)
    for low, high in ids.take_touched().items():
        stored[low] = -1 if high is None else high
    assert sorted((low, high) for low, high in stored.items() if high >= 0) == ids.intervals()


def test_ids_that_come_and_are_forgotten_for_hours_leave_nothing_behind() -> None:
    ids = IdSet([(1, 10)])
    for number in range(11, 2000):
        assert ids.add(number)
        ids.touch_again(ids.take_touched())
        ids.forget_new(number)
    assert ids.take_touched() == {1: 10}

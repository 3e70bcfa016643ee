"""Finding what the database refuses among what it takes. Pure."""

from collections.abc import Sequence
from itertools import chain

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.persister.sift import Refused, sift


class Store:
    """Takes numbers, all or none; the bad ones it refuses."""

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.taken: list[list[int]] = []
        self.attempts = 0

    def __call__(self, numbers: Sequence[int]) -> None:
        self.attempts += 1
        if self.bad.intersection(numbers):
            raise psycopg.errors.CheckViolation("no")
        self.taken.append(list(numbers))


@given(st.lists(st.integers(0, 40), unique=True), st.sets(st.integers(0, 40)))
def test_exactly_the_bad_are_refused_and_all_others_stored_once_and_in_order(
    numbers: list[int], bad: set[int]
) -> None:
    store = Store(bad)
    refused = sift(numbers, store)
    assert refused == [Refused(one, "no (23514)") for one in numbers if one in bad]
    assert list(chain(*store.taken)) == [one for one in numbers if one not in bad]


def test_one_among_two_thousand_is_found_in_twice_the_logarithm() -> None:
    store = Store({1234})
    assert [one.row for one in sift(range(2_000), store)] == [1234]
    assert store.attempts <= 2 * 11 + 1


def test_what_is_well_is_stored_at_once() -> None:
    store = Store(set())
    assert sift([1, 2, 3], store) == []
    assert store.attempts == 1


def test_trouble_that_is_no_rows_fault_is_not_swallowed() -> None:
    def away(numbers: Sequence[int]) -> None:
        raise psycopg.OperationalError("the connection is lost")

    with pytest.raises(psycopg.OperationalError):
        sift([1, 2], away)

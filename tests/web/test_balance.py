"""Who accepts next, and who sends clients on: pure numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import balance

numbers = st.lists(st.integers(0, 50_000), min_size=2, max_size=8)


@given(numbers)
def test_there_is_always_one_that_accepts(held: list[int]) -> None:
    backs = [
        balance.stands_back(own, held[:index] + held[index + 1 :]) for index, own in enumerate(held)
    ]
    assert not all(backs)
    assert not backs[held.index(min(held))]


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (0, [], False),
        (20_000, [], False),
        (33, [0], False),
        (34, [0], True),
        (1000, [1000, 1000], False),
        (1100, [1000, 1000], False),
        (1200, [1000, 1000], True),
        (1500, [1500, 0], True),
    ],
)
def test_whoever_holds_clearly_more_than_the_mean_stands_back(
    own: int, others: list[int], expected: bool
) -> None:
    assert balance.stands_back(own, others) is expected


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (5000, [], False),
        (16, [0], False),
        (17, [0], True),
        (220, [170, 210], False),
        (222, [171, 210], True),
        (1200, [1000], False),
        (1500, [0], True),
    ],
)
def test_it_is_uneven_when_another_holds_far_fewer(
    own: int, others: list[int], expected: bool
) -> None:
    assert balance.is_uneven(own, others) is expected


@given(numbers)
def test_clients_are_sent_on_until_all_hold_the_mean(held: list[int]) -> None:
    fewest = held.index(min(held))
    for _ in range(2_000):
        counts = [
            balance.sent_on(own, held[:index] + held[index + 1 :]) for index, own in enumerate(held)
        ]
        if not any(counts):
            break
        for index, count in enumerate(counts):
            assert count <= max(25, held[index] // 20)
            held[index] -= count
            held[fewest] += count  # nobody else accepts them
        fewest = held.index(min(held))
    assert max(held) <= -(-sum(held) // len(held)) + 25

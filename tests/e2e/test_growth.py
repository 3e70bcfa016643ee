"""A leak is told from a cold start, from a jump, and from what breathes."""

from math import exp

import pytest

from tests.e2e.growth import RISE_MIB_MAX, Growth, Sample, rise_mib

LEAK_MIB_S = 50 / 420
BASE_MIB = 70.0


def samples(*mib: float, first_s: float = 5.0, apart_s: float = 60.0) -> list[Sample]:
    return [Sample(first_s + at * apart_s, one) for at, one in enumerate(mib)]


@pytest.mark.parametrize("first_s", [0.0, 5.0, 59.0, 61.0])
@pytest.mark.parametrize("apart_s", [30.0, 60.0, 80.0])
def test_a_leak_of_fifty_mib_within_seven_minutes_is_found(first_s: float, apart_s: float) -> None:
    ages = [first_s + at * apart_s for at in range(int((420 - first_s) / apart_s) + 1)]
    rise = rise_mib([Sample(age_s, BASE_MIB + LEAK_MIB_S * age_s) for age_s in ages])
    assert rise is not None
    assert rise > RISE_MIB_MAX


def test_a_leak_is_found_though_the_process_starts_cold_and_breathes() -> None:
    taken = [
        Sample(age_s, BASE_MIB + 40 * (1 - exp(-age_s / 20)) + LEAK_MIB_S * age_s + 3 * (at % 2))
        for at, age_s in enumerate(range(5, 420, 60))
    ]
    rise = rise_mib(taken)
    assert rise is not None
    assert rise > RISE_MIB_MAX


def test_a_cold_start_is_none() -> None:
    rise = rise_mib([Sample(s, BASE_MIB + 80 * (1 - exp(-s / 30))) for s in range(5, 420, 60)])
    assert rise is not None
    assert rise < RISE_MIB_MAX / 4


def test_a_jump_that_stays_is_none_and_neither_is_what_goes_down() -> None:
    assert rise_mib(samples(70, 70, 71, 120, 120, 121)) == pytest.approx(2)
    assert rise_mib(samples(120, 120, 110, 100)) == pytest.approx(-20)


def test_of_too_few_samples_nothing_is_said() -> None:
    assert rise_mib([]) is None
    assert rise_mib(samples(70, 500, 900)) is None  # the first is of a young process
    assert rise_mib(samples(70, 100, 900, first_s=100)) == 30


def test_each_process_is_judged_for_itself() -> None:
    grown = Growth()
    for pid, first in ((11, 70), (12, 200)):  # the second life is larger, and does not rise
        for one in samples(first, first, first + 1, first + 1, first + 2):
            grown.take("web-1", pid, one)
    for one in samples(70, 70):
        grown.take("tap", 13, one)
    assert grown.rises() == {"web-1": (1, 180)}
    grown.assert_none()
    for at in range(6):
        grown.take("persister", 14, Sample(70 + 60 * at, 100 + 10 * at))
    with pytest.raises(AssertionError, match="persister 14"):
        grown.assert_none()

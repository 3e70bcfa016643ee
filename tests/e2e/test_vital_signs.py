"""What the aggregator's heartbeats tell of its own look at itself, over all its lives."""

from pathlib import Path

import pytest

from bus.messages import Heartbeat
from tests.e2e.vital_signs import VitalSigns


def beat(pid: int, *, runs: int = 0, candles: int = 0, differences: int = 0) -> Heartbeat:
    counters: dict[str, int | float] = {}
    if runs:  # a counter that never counted is not there
        counters = {
            "self_check_runs": runs,
            "self_check_candles": candles,
            "self_check_differences": differences,
        }
    return Heartbeat("aggregator", pid, 1, pid * 1000, "ready", counters, 1 << 20, 0, {})


@pytest.fixture
def signs(tmp_path: Path) -> VitalSigns:
    return VitalSigns(tmp_path, "")


def test_what_each_life_of_the_aggregator_has_checked_is_added(signs: VitalSigns) -> None:
    assert not signs.checked_itself()
    for one in (beat(1), beat(1, runs=1, candles=5), beat(1, runs=2, candles=9)):
        signs._take(one)
    assert signs.checked_itself()
    signs._take(beat(2))
    assert not signs.checked_itself()
    signs._take(beat(2, runs=1, candles=3))
    assert (signs.self_checks("runs"), signs.self_checks("candles")) == (3, 12)
    signs.assert_no_difference()


def test_a_difference_that_a_life_found_which_has_ended_is_not_forgotten(
    signs: VitalSigns,
) -> None:
    for one in (beat(1, runs=1, candles=5, differences=4), beat(2), beat(2, runs=1, candles=5)):
        signs._take(one)
    with pytest.raises(AssertionError, match="found 4 candles"):
        signs.assert_no_difference()


def test_figures_are_given_once(signs: VitalSigns) -> None:
    signs._figures.lags_us.append(7)
    assert signs.figures().lags_us == [7]
    assert signs.figures().lags_us == []

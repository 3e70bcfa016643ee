"""Figures of a window, their medians, and the table of the race."""

import msgspec
import pytest

from bench.fanout.measured import Measured, measured, median
from bench.load.tally import Tally
from bench.peers.table import ratios, table

TALLY = Tally(frames=4000, octets=4000 * 244, latencies={9: 99, 199: 1}, cpu_s=0.5)
ONE = measured(
    TALLY, clients=400, seconds=1.0, cpu_s=0.03, rss=5_000_000, rss_before=1_000_000, expected=4010
)


def test_a_window_is_told_by_frame_and_by_client() -> None:
    assert ONE.cpu_us == 7.5
    assert ONE.frame_bytes == 244
    assert ONE.rss_per_client == 10_000
    assert (ONE.lost, ONE.load_cpu) == (10, 0.5)
    assert ONE.latency_ms == (1.0, 1.0, 1.0, 20.0)


@pytest.mark.parametrize("tally", [Tally(), Tally(frames=5)])
def test_a_window_without_a_frame_or_without_a_time_is_no_measurement(tally: Tally) -> None:
    with pytest.raises(SystemExit):
        measured(tally, clients=1, seconds=1, cpu_s=1, rss=1)


def test_the_median_is_of_each_figure_and_the_loss_is_the_worst() -> None:
    runs = [
        msgspec.structs.replace(ONE, cpu_us=cpu, lost=lost)
        for cpu, lost in ((9.0, 0), (7.0, -3), (8.0, 2))
    ]
    found = median(runs)
    assert (found.cpu_us, found.lost) == (8.0, -3)


def test_a_peer_is_compared_with_the_raw_loop_of_its_own_round() -> None:
    def at(*cpu: float) -> list[Measured]:
        return [msgspec.structs.replace(ONE, cpu_us=each) for each in cpu]

    runs = {"raw": at(5.0, 10.0), "quick": at(4.0, 8.0), "slow": at(10.0, 20.0)}
    assert ratios(runs, "slow") == [2.0, 2.0]
    lines = table(runs, {name: name for name in runs}, 10).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["quick", "raw", "slow"]
    assert "15.00 (10.00 to 20.00) | 2.00 (2.00 to 2.00) | 244 | 100.0%" in lines[4]

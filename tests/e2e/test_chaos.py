"""Twenty seconds of chaos: faults of all kinds by a seed, and at the end everything is exact.

More of it: `make chaos`.
"""

from pathlib import Path

import pytest

from tests.e2e.chaos import SEEDS, corpus
from tests.e2e.chaos_run import Chaos
from tests.e2e.growth import Sample
from tests.e2e.rounds import Wish, rounds
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

WISH = Wish(
    *(5, 20, 600, 0.8, 20),
    whole=False,
    disks=False,
    self_checked=False,  # it would come after a minute; tests/sim has it
)


def test_after_twenty_seconds_of_everything_nothing_is_lost_or_counted_twice(
    tmp_path: Path,
) -> None:
    (only,) = rounds(WISH)
    with Chaos(WISH, tmp_path) as chaos:
        found = chaos.round(only, last=True)
        assert found.trades > 5_000
        assert sum(found.faults.values()) >= 12
        assert found.faults["kill -9"] >= 3
        assert found.looks == 2
        assert found.viewed["trades"] > 0
        assert len(found.lag_ms) > 5
        with chaos.stack.at_rest() as executed:
            chaos.audit.look_at_everything(executed)
            for damage, complaint in (
                ("UPDATE candle SET volume = volume + 1e-8 WHERE interval_s = 86400", "candles"),
                (f"UPDATE trade SET price = price + 0.01 WHERE {LAST}", "1 differ"),
                (f"DELETE FROM trade WHERE {LAST}", "1 lost"),
            ):  # the negative control: each kind of damage is found
                chaos.stack.change(damage)
                with pytest.raises(AssertionError, match=complaint):
                    chaos.audit.look_at_everything(executed)
        assert_ills_are_found(chaos)
        chaos.stop()


def assert_ills_are_found(chaos: Chaos) -> None:
    """Fail unless a look at the processes finds a leak, and what an aggregator found that died."""
    chaos._look_at_the_processes()
    chaos.signs._counted[-1, 0] = {"self_check_runs": 1, "self_check_differences": 2}
    with pytest.raises(AssertionError, match="found 2 candles"):
        chaos._look_at_the_processes()
    chaos.signs._counted.clear()
    for minute in range(7):
        chaos._growth.take("tap", -1, Sample(60.0 * minute, 30 + 7.0 * minute))
    with pytest.raises(AssertionError, match="more and more memory"):
        chaos._look_at_the_processes()


LAST = "(symbol, trade_id) = (SELECT symbol, max(trade_id) FROM trade GROUP BY 1 LIMIT 1)"


def test_a_simulator_that_is_away_is_waited_for(tmp_path: Path) -> None:
    chaos = Chaos(WISH, tmp_path)
    chaos.stack = Stack(tmp_path)  # is not started, so nobody answers
    assert chaos._flows() is False


def test_the_runs_that_once_found_something_can_be_read() -> None:
    assert SEEDS.is_file()
    assert all(wish.seconds > 0 for wish in corpus())

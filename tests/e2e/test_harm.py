"""After the root was killed or ended, everything is started again, as an operator does."""

import signal
from pathlib import Path

import pytest

from tests.e2e.harm import Harm
from tests.e2e.nemesis import WHOLE, Fault
from tests.e2e.stack import Stack


class Noted(Stack):
    """An installation that is not there: it notes what is done to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.done: list[object] = []

    def kill(self, program: str, signum: int = signal.SIGKILL) -> None:
        """Note it."""
        self.done.append((program, signum))

    def wait_ended(self) -> int:
        """Note it."""
        self.done.append("ended")
        return 0

    def wait_gone(self) -> None:
        """Note it."""
        self.done.append("gone")

    def start(self, *, wait: bool = True) -> Stack:
        """Note it."""
        self.done.append("started")
        return self


@pytest.mark.parametrize(
    ("kind", "signals"),
    [
        ("kill -9 of supervisord", [("supervisord", signal.SIGKILL)]),
        ("SIGTERM of supervisord", [("supervisord", signal.SIGTERM)]),
        ("kill -9 of the launcher", [("launcher", signal.SIGKILL)]),
        ("kill -9 of all", []),
    ],
)
def test_the_right_one_gets_the_right_signal_and_all_begins_again(
    kind: str, signals: list[object], tmp_path: Path
) -> None:
    stack = Noted(tmp_path)
    harm = Harm(stack, {}, {})
    assert kind in WHOLE
    assert harm.do(Fault(1.0, kind, "", 0.0, 0.0))
    assert stack.done == [*signals, "ended", "gone", "started"]
    assert len(harm.restarts_s) == 1

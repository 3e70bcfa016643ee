"""The last frames that could not be read, for the operator to compare with the documentation.

Frames and what is wrong with them go in; once a second the last few go out, when there are new
ones.
"""

from collections import deque
from collections.abc import Callable, Iterable

from bus.actor import Instant
from bus.heartbeat import Health

KEPT = 20
BYTES_KEPT = 500
"""Of each frame."""


class BadFrames:
    """The last of them.

    Args:
        health: they are counted there as ``bad_frames``.
        keep: takes the last of them, as lines.
    """

    def __init__(self, health: Health, keep: Callable[[Iterable[str]], None]) -> None:
        self._health = health
        self._keep = keep
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._kept = 0

    def add(self, reason: str, frame: bytes, now: Instant) -> None:
        """Take one."""
        self._health.counters["bad_frames"] += 1
        self._lines.append(f"{now.wall} {reason}: {frame[:BYTES_KEPT]!r}")

    def on_second(self) -> None:
        """Hand them on, when there are new ones."""
        if self._kept != self._health.counters["bad_frames"]:
            self._kept = self._health.counters["bad_frames"]
            self._keep(self._lines)

"""The feed's loop around a connection, with clocks that a test can push forward."""

import select
import time
from collections.abc import Callable
from typing import TypeVar

from bus.actor import Instant
from procs.feed.connection import Connection

Found = TypeVar("Found")


class Driving:
    """Polls a connection's sockets and ticks it, as the loop does."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self._ahead = 0
        self.messages: list[bytes] = []
        self.most_sockets = 0

    def take(self, message: bytes, now: Instant) -> bool:
        """Keep a message; all but noise is data."""
        self.messages.append(message)
        return not message.startswith(b"noise")

    def now(self) -> Instant:
        """Return the present, as far as it was pushed forward."""
        return Instant(
            time.time_ns() // 1000 + self._ahead, time.monotonic_ns() // 1000 + self._ahead
        )

    def push(self, seconds: float) -> None:
        """Push both clocks forward."""
        self._ahead += int(seconds * 1e6)

    def once(self) -> None:
        """One wake of the loop and one tick."""
        assert self.connection is not None
        lines = {line.fileno(): line for line in self.connection.readers}
        pending = any(line.pending() for line in lines.values())
        ready, _, _ = select.select(list(lines), [], [], 0 if pending else 0.005)
        for fd, line in lines.items():
            if fd in ready or line.pending():
                line.on_readable(self.now())
        self.connection.on_tick(self.now())
        self.most_sockets = max(self.most_sockets, len(self.connection.readers))

    def until(self, condition: Callable[[], Found], within: float = 15.0) -> Found:
        """Drive until ``condition`` is true; fail after ``within`` seconds of real time."""
        give_up = time.monotonic() + within
        while not (found := condition()):
            assert time.monotonic() < give_up, f"not within {within} s, was {found!r}"
            self.once()
        return found

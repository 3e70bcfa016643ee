"""Leading-edge coalescing: newest value wins, nothing is ever queued.

The first change after a quiet time goes at once, later ones at most every ``rate``. Time is an
argument, in µs of any clock that only goes forward.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Coalescer(Generic[K, V]):
    """Holds the newest value of each key until it may go."""

    def __init__(self, rate_us: int) -> None:
        self.rate_us = rate_us
        self._next: dict[K, int] = {}
        self._waiting: dict[K, V] = {}

    def offer(self, key: K, value: V) -> None:
        """Take a new value of ``key``, in place of one that waits."""
        self._waiting[key] = value

    def due(self, now: int) -> list[tuple[K, V]]:
        """Return and forget the values that may go at ``now``."""
        ready = [key for key in self._waiting if self._next.get(key, now) <= now]
        for key in ready:
            self._next[key] = now + self.rate_us
        return [(key, self._waiting.pop(key)) for key in ready]

    def next_due(self) -> int | None:
        """Return when the earliest waiting value may go, None when none waits."""
        return min((self._next.get(key, 0) for key in self._waiting), default=None)

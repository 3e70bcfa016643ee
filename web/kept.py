"""What was read a moment ago, for everybody who asks for the same.

In come a key, the moment, and how to read what the key stands for; out goes what was read. Who asks
while it is being read waits for that reading, so a database is asked once however many want to
know. Nothing is answered of which the reading began longer than ``KEPT_US`` before it was asked
for, and no more is kept than so many bytes. A failure is told to all who wait, and is not kept.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

KEPT_US: Final = 500_000
"""Half a second: with the time of the answer itself, none is out of date for a whole one."""
BYTES_MAX: Final = 16 << 20
"""A day of minutes of forty symbols; beyond it the oldest reading is forgotten."""


class Weighed(Protocol):
    """What can be kept: it knows how much it is."""

    @property
    def bytes(self) -> int:
        """Return about how many bytes of memory it takes."""


_T = TypeVar("_T", bound=Weighed)


@dataclass(eq=False)
class _Entry(Generic[_T]):
    began: int
    task: asyncio.Task[_T]
    bytes: int = 0


class Kept(Generic[_T]):
    """Readings of one process.

    Args:
        bytes_max: how much is kept at most.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._entries: dict[Hashable, _Entry[_T]] = {}
        """The one that began first is the first."""
        self.bytes = 0
        """What all that is kept takes."""

    async def get(self, key: Hashable, now: int, read: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return what is kept under ``key``, or read it. ``now``: monotonic µs.

        ``read`` goes on when who asked first gives up, for others may wait; it has to end by
        itself. Whatever it raises is raised here.
        """
        self._expire(now)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(now, asyncio.create_task(read()))
            entry.task.add_done_callback(partial(self._done, key, entry))
        return await asyncio.shield(entry.task)

    def _done(self, key: Hashable, entry: _Entry[_T], task: asyncio.Task[_T]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if self._entries.get(key) is not entry:
            return  # forgotten meanwhile
        if failed:
            self._forget(key)
            return
        entry.bytes = task.result().bytes
        self.bytes += entry.bytes
        while self.bytes > self._bytes_max:
            self._forget(next(iter(self._entries)))

    def _expire(self, now: int) -> None:
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if now - entry.began < KEPT_US:
                return
            self._forget(key)

    def _forget(self, key: Hashable) -> None:
        self.bytes -= self._entries.pop(key).bytes

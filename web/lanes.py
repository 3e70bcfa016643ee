"""What can be watched and has changed, and when what has changed may go.

In come updates with rising serials; out go those after a serial. A topic is one thing that can be
watched, a lane one channel of a cohort of clients. Pure: time is an argument.
"""

from collections.abc import Hashable
from operator import attrgetter
from typing import TYPE_CHECKING

from web.update import Channel, Update

if TYPE_CHECKING:
    from web.cohort import Cohort

_serial = attrgetter("serial")
_SINGLE = ("ticker", "status")
"""Channels of which each thing has one value."""


class Topic:
    """The changes of one thing that can be watched, newest last, each in place of what it replaces.

    Those that everybody has been sent are forgotten by ``take``'s ``floor``.
    """

    __slots__ = ("_changes", "cohorts", "idle", "newest", "news", "serial")

    def __init__(self) -> None:
        self._changes: dict[Hashable, Update] = {}
        self.cohorts = 0
        """How many watch it."""
        self.idle: set[Lane] = set()
        """The lanes to be woken by the next change."""
        self.newest: Update | None = None
        self.serial = 0
        self.news = 0

    def take(self, update: Update, floor: int) -> None:
        """Take a change; forget those whose serial is not above ``floor``."""
        changes = self._changes
        changes.pop(update.replaces, None)
        changes[update.replaces] = self.newest = update
        self.serial = update.serial
        self.news = max(self.news, update.news)
        while (first := next(iter(changes))) and changes[first].serial <= floor:
            del changes[first]

    def since(self, seen: int, *, flags: bool) -> list[Update]:
        """Return the changes after ``seen``, with those of only a flag or without, in order."""
        if (self.serial if flags else self.news) <= seen:
            return []
        return [
            update
            for update in self._changes.values()
            if (update.serial if flags else update.news) > seen
        ]


class Lane:
    """One channel of one cohort: leading edge, then at most every ``rate_us``."""

    __slots__ = ("channel", "cohort", "due", "flags", "idle", "rate_us", "ready", "seen", "topics")

    def __init__(
        self, cohort: "Cohort", channel: Channel, rate_us: int, topics: list[Topic], seen: int
    ) -> None:
        self.cohort = cohort
        self.channel = channel
        self.rate_us = rate_us
        self.topics = topics
        self.flags = channel not in cohort.codec.without_flags
        self.seen = seen
        """Serial of the newest update that the members have been sent."""
        self.due = 0
        """When the next updates may go, µs of the forward clock."""
        self.idle = False
        """Nothing is due: the next change goes at once."""
        self.ready = False
        """It may go, with its cohort's next turn."""

    def rest(self) -> None:
        """Wait for a change."""
        self.idle = True
        for topic in self.topics:
            topic.idle.add(self)

    def end(self) -> None:
        """Wait no more."""
        self.idle = False
        for topic in self.topics:
            topic.idle.discard(self)

    def since(self, seen: int) -> list[Update]:
        """Return the changes after ``seen``, in order."""
        flags = self.flags
        if flags:
            changed = [topic for topic in self.topics if topic.serial > seen]
        else:
            changed = [topic for topic in self.topics if topic.news > seen]
        if self.channel in _SINGLE:  # each thing has one value: what a topic has is its newest
            found = [topic.newest for topic in changed if topic.newest is not None]
        else:
            found = [update for topic in changed for update in topic.since(seen, flags=flags)]
        if len(found) > 1:
            found.sort(key=_serial)
        return found

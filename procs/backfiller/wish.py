"""One wanted range of ids: what to ask for next, and what an answer leaves of it. Pure.

An answer is an unbroken run of the ids that the exchange has, with the times of those that are
believed. What of the range lies in the run and did not come, the exchange has not; so it has not
where an answer that was asked for it brings nothing of it. Of an exchange whose pages rise from a
time, ``timeline`` knows when that can be said.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from msgspec.structs import replace

from bus.messages import Wanted
from procs.backfiller.timeline import Timeline

Range = tuple[int, int]
"""Ids, both ends included."""

UNTIL_ANSWERS_MAX = 100
"""Answers for a range of which nobody knows how many trades it has; then it is left at that."""
LEAD_US = 10_000_000
"""Pages that rise to such a range begin so long before its time, with each try eight times that."""


@dataclass
class Wish:
    """A wanted range, and what has become of it."""

    wanted: Wanted
    missing: list[Range]
    """What of it has not been settled, rising."""
    absent: list[Range] = field(default_factory=list)
    """What of it the exchange has not."""
    _answers: int = 0
    _tries: int = 0
    """Answers in a row that have brought nothing of it."""
    _hinted: bool = False
    """``Wanted.since`` has been tried: it may be wrong."""
    _newest_known: bool = False
    """The newest page has been asked for."""
    _reached: bool = False
    """How far back the range goes is known: a trade from before ``Wanted.until`` was seen."""

    def next_by_id(self) -> Wanted:
        """Return what to ask for of an exchange whose pages are asked for by id: the newest."""
        first, last = self.missing[-1]
        if self.wanted.until is not None:
            first = last  # nobody knows how far it is to the other end
        return replace(self.wanted, first_id=first, last_id=last)

    def next_by_time(self, timeline: Timeline) -> Wanted:
        """Return what to ask for from the time ``since`` on, None: the newest page."""
        first, last = self.missing[0]
        since, until = self.wanted.since, self.wanted.until
        if until is not None and not self._reached:
            since = max(0, until - (LEAD_US << 3 * self._answers))
        elif until is not None or since is None or self._hinted:
            since = timeline.ask_from(first, self._tries, newest_known=self._newest_known)
        return replace(self.wanted, first_id=first, last_id=last, since=since)

    def settle(
        self,
        asked: Wanted,
        ids: Sequence[int],
        times: Mapping[int, int],
        timeline: Timeline | None,
    ) -> list[int]:
        """Take an answer, asked for this range or another one; return the ids that were wanted.

        ``timeline`` has not learned from it yet; it is None where pages are asked for by id.
        """
        before = self.missing
        part_asked = before[-1 if timeline is None else 0]
        mine = self._is(asked, part_asked, by_time=timeline is not None)
        none_there = mine and (
            timeline is None or timeline.says_that_there_is_none(asked, ids, self._tries)
        )
        found = self._cut(ids, times, whole=timeline is None or none_there)
        left: list[Range] = []
        for part in self.missing:
            for first, last in _without(part, found):
                in_run = bool(ids) and ids[0] <= first and last <= ids[-1]
                given_up = none_there and (first, last) == part_asked
                (self.absent if in_run or given_up else left).append((first, last))
        taken = [one for part in self.missing for one in _inside(part, found)]
        if mine and self.wanted.ahead:
            self.absent += [one for one in left if not ids or one[0] > ids[-1]]
            left = []
        self.missing = left
        if mine:
            self._answers += 1
            self._hinted = True
            self._newest_known |= asked.since is None
            self._tries = 0 if left != before else self._tries + 1
            self._reached |= asked.since is not None and asked.since <= 0
        if self.wanted.until is not None and self._answers >= UNTIL_ANSWERS_MAX:
            self.missing = []
        return taken

    def _is(self, asked: Wanted, part: Range, *, by_time: bool) -> bool:
        """Return whether an answer was asked for this part of the range."""
        from_end = self.wanted.until is not None and not by_time
        return (asked.first_id, asked.last_id) == (part[1] if from_end else part[0], part[1])

    def _cut(self, ids: Sequence[int], times: Mapping[int, int], *, whole: bool) -> Sequence[int]:
        """Forget what is older than ``until``, but for the newest trade of that; return the rest.

        Where the page ends with it a newer one may be on the next, unless it is the ``whole``.
        """
        until = self.wanted.until
        older = [one for one in ids if until is not None and times.get(one, until) < until]
        if not older:
            return ids
        newest = older[-1]
        self._reached = True
        self.missing = [
            (max(first, newest), last) for first, last in self.missing if last >= newest
        ]
        ends_with_it = newest == ids[-1] and newest < self.wanted.last_id
        return ids[bisect_left(ids, newest) + (ends_with_it and not whole) :]


def _inside(part: Range, ids: Sequence[int]) -> Sequence[int]:
    """Return those of the rising ids that are in a range."""
    return ids[bisect_left(ids, part[0]) : bisect_right(ids, part[1])]


def _without(part: Range, ids: Sequence[int]) -> Iterator[Range]:
    """Yield what remains of a range when the rising ids are taken out of it."""
    for before, after in pairwise([part[0] - 1, *_inside(part, ids), part[1] + 1]):
        if after - before > 1:
            yield before + 1, after - 1

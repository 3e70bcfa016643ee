"""Where in time the ids of one symbol are, as far as an exchange's answers have told.

For exchanges whose pages rise from a time. Answers come in: ids, their times, and from when they
were asked for. Out goes the time from which a page should have a wanted id, and whether an answer
says that the exchange does not have it. Ids and times of a symbol rise together; several trades may
share a time. It knows no clock: the newest page, which is asked for without a time, says how late
it is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bus.messages import Wanted

ANCHORS_MAX = 1_000
"""Of more, every other one is forgotten."""
TRIES_MAX = 64
"""So many answers in a row that bring nothing settle that nothing can be had."""
STEP_US_MIN = 1_000_000
"""The least that is gone back where only later ids are known; twice as far with each try."""


class Anchor(NamedTuple):
    """What is known of one id."""

    trade_id: int
    since: int
    """No id below it is from this time on, µs UTC, as far as is known,"""
    at: int
    """and here is its own trade."""


class Timeline:
    """One symbol's ids in time.

    Args:
        page_trades: how many trades a full page has.
    """

    def __init__(self, page_trades: int) -> None:
        self._near = page_trades // 2
        self._anchors: list[Anchor] = []

    def learn(self, asked: Wanted, ids: Sequence[int], times: Mapping[int, int]) -> None:
        """Take an answer: rising ids, and the times (µs UTC) of those that are believed."""
        timed = [one for one in ids if one in times]
        if not timed:
            return
        first, last = timed[0], timed[-1]
        since = at = times[first]
        if first == ids[0] and asked.since is not None:
            since = min(asked.since, at)
        self._add(Anchor(first, since, at))
        self._add(Anchor(last, times[last], times[last]))

    def _add(self, anchor: Anchor) -> None:
        at = bisect_left(self._anchors, anchor.trade_id, key=_id_of)
        if at < len(self._anchors) and self._anchors[at].trade_id == anchor.trade_id:
            known = self._anchors[at]
            self._anchors[at] = known._replace(since=min(known.since, anchor.since))
            return
        self._anchors.insert(at, anchor)
        if len(self._anchors) > ANCHORS_MAX:
            del self._anchors[1:-1:2]

    def ask_from(self, trade_id: int, tries: int, *, newest_known: bool) -> int | None:
        """Return the time, µs UTC, from which to ask for an id; None: for the newest page.

        ``tries`` is how many answers have brought nothing of what is wanted there, and
        ``newest_known`` whether the newest page was one of them.
        """
        below, above = self._around(trade_id)
        if below is not None and trade_id - below.trade_id <= self._near:
            return below.at
        if above is None:
            return below.at if below is not None and newest_known else None
        if below is None:
            return max(0, above.since - (self._distance(trade_id, above) << tries))
        span = above.since - below.at
        if tries % 2:  # what is spread unevenly is halved at least with every other try
            return below.at + max(0, span // 2)
        ids = max(0, trade_id - self._near // 2 - below.trade_id)
        return below.at + max(0, span * ids // (above.trade_id - below.trade_id))

    def _distance(self, trade_id: int, above: Anchor) -> int:
        """Return how long before a later id another one may be, by how long all others took."""
        first, last = self._anchors[0], self._anchors[-1]
        ids = above.trade_id - trade_id + self._near // 2
        took = (last.at - first.at) * ids // max(1, last.trade_id - first.trade_id)
        return max(STEP_US_MIN, took)

    def says_that_there_is_none(self, asked: Wanted, ids: Sequence[int], tries: int) -> bool:
        """Return whether an answer that has nothing of a range means that there is nothing of it.

        To be asked before the answer is learned from. It does when it reaches back to the beginning
        of all, when nothing follows what is known to be before the range, and at last after too
        many tries.
        """
        if tries >= TRIES_MAX:
            return True
        if asked.since is None:
            return not ids
        if asked.since <= 0 and (not ids or ids[0] > asked.last_id):
            return True
        below, _ = self._around(asked.first_id)
        if below is None or asked.since != below.at:
            return False
        return not ids or ids[-1] <= below.trade_id

    def _around(self, trade_id: int) -> tuple[Anchor | None, Anchor | None]:
        """Return the nearest anchors before and after an id."""
        at = bisect_right(self._anchors, trade_id, key=_id_of)
        below = self._anchors[at - 1] if at else None
        return below, self._anchors[at] if at < len(self._anchors) else None


def _id_of(anchor: Anchor) -> int:
    return anchor.trade_id

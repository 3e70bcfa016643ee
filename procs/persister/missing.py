"""The gaps of one exchange in Postgres, and what becomes of them by what is stored. Pure.

In come the gaps that are opened, ids that are stored and ids that cannot be had; out come the gaps
of which nothing is missing any more, those that fall into parts because only some of what is
missing can still come, and the missing ids that no gap explains. It remembers nothing that the
table ``gap`` does not say: after a restart it goes on the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, NamedTuple

from bus.messages import Gap
from market.sequence import IdSet

Key = tuple[str, int]
"""(symbol, series)."""
Ids = Mapping[Key, IdSet]
HOLE_IDS_MAX = 1_000_000
"""More missing ids in a row than this are an id that leads astray, not trades that were lost."""


class Piece(NamedTuple):
    """A part of a gap that fell into several."""

    first_id: int
    last_id: int
    state: Literal["open", "unfillable"]


class Split(NamedTuple):
    """An open gap, and what takes its place: pieces that together are the whole of it."""

    gap: Gap
    pieces: list[Piece]


class Missing:
    """What is known to be missing.

    Args:
        opened: the open gaps that Postgres has, the oldest first.
        unfillable: those that it has as unfillable.
    """

    def __init__(self, opened: Iterable[Gap], unfillable: Iterable[Gap] = ()) -> None:
        self._open: dict[Key, dict[Gap, None]] = {}
        self._reach: dict[Key, tuple[int, int]] = {}
        """The lowest and the highest id of all open gaps of a key."""
        self._lost: dict[Key, IdSet] = {}
        self._holes: set[Gap] = set()
        self.open(opened)
        for gap in unfillable:
            self._lose(gap)

    def open(self, gaps: Iterable[Gap]) -> None:
        """Take gaps that are opened now."""
        for gap in gaps:
            key = (gap.symbol, gap.series)
            self._open.setdefault(key, {})[gap] = None
            low, high = self._reach.get(key, (gap.first_id, gap.last_id))
            self._reach[key] = (min(low, gap.first_id), max(high, gap.last_id))

    def oldest(self, limit: int) -> list[Gap]:
        """Return at most so many open gaps: of each symbol its share, those opened first."""
        share = limit // max(1, len(self._open))
        return [gap for mine in self._open.values() for gap in islice(mine, share)]

    def filled(self, seen: Ids, fresh: Ids) -> list[Gap]:
        """Return and forget the gaps that the ids in ``fresh`` have closed."""
        found = []
        for key, ids in fresh.items():
            if key in self._open and self._reaches(key, ids):
                found += [
                    gap
                    for gap in self._open[key]
                    if not seen[key].missing(gap.first_id, gap.last_id)
                ]
        self._forget(found)
        return found

    def _reaches(self, key: Key, ids: IdSet) -> bool:
        low, high = self._reach[key]
        return ids.missing(low, high) != [(low, high)]

    def absent(self, gap: Gap, seen: Ids) -> list[Split]:
        """Take ids that cannot be had; return what becomes of the open gaps that they are in.

        Ids that were seen separate nothing: a piece reaches over them.
        """
        key = (gap.symbol, gap.series)
        told = IdSet([(gap.first_id, gap.last_id)])
        had = seen.get(key, IdSet())
        splits = []
        for mine in self._open.get(key, ()):
            if gap.last_id < mine.first_id or mine.last_id < gap.first_id:
                continue
            pieces = _pieces(mine, had.missing(mine.first_id, mine.last_id), told)
            if any(piece.state == "unfillable" for piece in pieces):
                splits.append(Split(mine, pieces))
        self._forget([split.gap for split in splits])
        for split in splits:
            for piece in split.pieces:
                part = Gap(gap.symbol, piece.first_id, piece.last_id, gap.series)
                if piece.state == "open":
                    self.open([part])
                else:
                    self._lose(part)
        return splits

    def unexplained(self, seen: Ids, ends: Mapping[Key, int]) -> list[Gap]:
        """Return the holes in ``seen`` that no gap explains, now and when this was last asked.

        Args:
            seen: all ids that Postgres has.
            ends: of each key an id that is believed: what is missing above it may still come.
        """
        holes: set[Gap] = set()
        for key, end in ends.items():
            ids = seen.get(key, IdSet())
            explained = self._explained(key)
            for low, high in ids.gaps():
                if high < end and high - low < HOLE_IDS_MAX:
                    parts = explained.missing(low, high)
                    holes.update(Gap(key[0], first, last, key[1]) for first, last in parts)
        before, self._holes = self._holes, holes
        return sorted(holes & before, key=lambda gap: (gap.symbol, gap.series, gap.first_id))

    def _explained(self, key: Key) -> IdSet:
        ids = IdSet(self._lost[key].intervals() if key in self._lost else ())
        for gap in self._open.get(key, ()):
            ids.add_range(gap.first_id, gap.last_id)
        return ids

    def _lose(self, gap: Gap) -> None:
        ids = self._lost.setdefault((gap.symbol, gap.series), IdSet())
        ids.add_range(gap.first_id, gap.last_id)

    def _forget(self, gaps: Iterable[Gap]) -> None:
        keys = set()
        for gap in gaps:
            key = (gap.symbol, gap.series)
            keys.add(key)
            del self._open[key][gap]
        for key in keys:
            mine = self._open[key]
            if mine:
                highest = max(gap.last_id for gap in mine)
                self._reach[key] = (min(gap.first_id for gap in mine), highest)
            else:
                del self._open[key], self._reach[key]


def _pieces(gap: Gap, missing: Iterable[tuple[int, int]], told: IdSet) -> list[Piece]:
    """Cut a gap where what is missing of it changes between what can come and what cannot.

    What was seen between two pieces belongs to the open one.
    """
    found: list[Piece] = []
    for first, last, state in _states(missing, told):
        if not found:
            found.append(Piece(gap.first_id, last, state))
        elif found[-1].state == state:
            found[-1] = found[-1]._replace(last_id=last)
        elif state == "open":
            found.append(Piece(found[-1].last_id + 1, last, state))
        else:
            found[-1] = found[-1]._replace(last_id=first - 1)
            found.append(Piece(first, last, state))
    if found:
        found[-1] = found[-1]._replace(last_id=gap.last_id)
    return found


def _states(
    missing: Iterable[tuple[int, int]], told: IdSet
) -> Iterator[tuple[int, int, Literal["open", "unfillable"]]]:
    """Yield what is missing in rising order, each with what is to become of it."""
    for low, high in missing:
        rest = told.missing(low, high)
        for first, last in rest:
            if low < first:
                yield low, first - 1, "unfillable"
            yield first, last, "open"
            low = last + 1
        if low <= high:
            yield low, high, "unfillable"

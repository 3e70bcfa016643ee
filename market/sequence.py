"""Which ids have been seen: closed intervals of integers, not a maximum.

A maximum would discard a late trade and call a hole complete. With intervals any missing id is a
visible gap, a duplicate is told from a late arrival, and years of trades rest in one pair of
numbers. ``add`` of the next id in order, the usual case, is O(1); any other is a binary search.
"""

from bisect import bisect_right
from collections.abc import Iterable


class IdSet:
    """A set of integers kept as disjoint, non-adjacent closed intervals in rising order."""

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._touched: dict[int, int | None] = {}
        for low, high in intervals:
            self.add_range(low, high)
        self._touched.clear()

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._lows, number) - 1
        return at >= 0 and number <= self._highs[at]

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.intervals())

    def intervals(self) -> list[tuple[int, int]]:
        """Return the intervals, both ends included, in rising order."""
        return list(zip(self._lows, self._highs, strict=True))

    @property
    def touched(self) -> bool:
        """True when something has changed since ``take_touched``."""
        return bool(self._touched)

    @property
    def first(self) -> int | None:
        """The smallest id, or None when there is none."""
        return self._lows[0] if self._lows else None

    @property
    def last(self) -> int | None:
        """The greatest id, or None when there is none."""
        return self._highs[-1] if self._highs else None

    def add(self, number: int) -> bool:
        """Add one id; return whether it was new."""
        highs = self._highs
        if highs and number == highs[-1] + 1:
            highs[-1] = number
            self._touched[self._lows[-1]] = number
            return True
        if number in self:
            return False
        self.add_range(number, number)
        return True

    def advance(self, number: int) -> bool:
        """Count all ids from 0 to ``number`` as seen; return whether it is above all that were.

        For ids that are times of update: whoever has one has no use for any below it.
        """
        if self._highs and number <= self._highs[-1]:
            return False
        self.add_range(0, number)
        return True

    def add_range(self, low: int, high: int) -> None:
        """Add all ids from ``low`` to ``high``, both included."""
        lows, highs = self._lows, self._highs
        # All intervals that overlap or touch [low, high] become one.
        begin = bisect_right(highs, low - 2) if highs else 0
        end = bisect_right(lows, high + 1)
        if begin < end:
            low = min(low, lows[begin])
            high = max(high, highs[end - 1])
        for gone in lows[begin:end]:
            self._touched[gone] = None
        lows[begin:end] = [low]
        highs[begin:end] = [high]
        self._touched[low] = high

    def remove_range(self, low: int, high: int) -> None:
        """Forget all ids from ``low`` to ``high``, both included."""
        lows, highs = self._lows, self._highs
        begin, end = bisect_right(highs, low - 1), bisect_right(lows, high)
        if begin >= end:
            return
        kept = []
        if lows[begin] < low:
            kept.append((lows[begin], low - 1))
        if highs[end - 1] > high:
            kept.append((high + 1, highs[end - 1]))
        for gone in lows[begin:end]:
            self._touched[gone] = None
        self._touched.update(kept)
        lows[begin:end] = [start for start, _ in kept]
        highs[begin:end] = [stop for _, stop in kept]

    def gaps(self) -> list[tuple[int, int]]:
        """Return the missing ids between the intervals, as intervals."""
        return [
            (high + 1, low - 1) for high, low in zip(self._highs[:-1], self._lows[1:], strict=True)
        ]

    def missing(self, low: int, high: int) -> list[tuple[int, int]]:
        """Return the ids from ``low`` to ``high`` that are not here, as intervals."""
        found = []
        at = bisect_right(self._highs, low - 1)
        while low <= high and at < len(self._lows) and self._lows[at] <= high:
            if low < self._lows[at]:
                found.append((low, self._lows[at] - 1))
            low = self._highs[at] + 1
            at += 1
        return [*found, (low, high)] if low <= high else found

    def within(self, low: int, high: int) -> list[tuple[int, int]]:
        """Return the ids from ``low`` to ``high`` that are here, as intervals."""
        begin, end = bisect_right(self._highs, low - 1), bisect_right(self._lows, high)
        parts = zip(self._lows[begin:end], self._highs[begin:end], strict=True)
        return [(max(low, start), min(high, stop)) for start, stop in parts]

    def take_touched(self) -> dict[int, int | None]:
        """Return and forget what changed: the new high of each touched low, None where it is gone.

        Writing these rows over the stored ones gives the stored set the value of this one.
        """
        touched, self._touched = self._touched, {}
        return touched

    def touch_again(self, touched: dict[int, int | None]) -> None:
        """Take back what ``take_touched`` gave and was not stored; what came since is newer."""
        self._touched = touched | self._touched

    def forget_new(self, number: int) -> None:
        """Forget an id that was added and has never been stored, as if it had not been added."""
        self.remove_range(number, number)
        # It began no stored interval: without this a full disk would fill the memory.
        self._touched.pop(number, None)

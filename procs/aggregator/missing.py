"""When the trades happened that one exchange's symbols are known to lack. Pure.

In come the gaps that are opened and the ids that are had after all; out come spans of whole
minutes. Of a missing trade nobody knows the time: it lies between those of the trades next to it by
id, and the minutes' candles, which know their first and their last id, say in which minutes those
are. Where there is no trade on one side, the span has no end there. A gap that the exchange cannot
fill stays for as long as the memory reaches back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from bus.messages import Candle, Gap
from market.sequence import IdSet

MINUTE_US = 60_000_000
FOREVER = 1 << 62

Minutes = Mapping[int, Candle]
"""The 1m candles of one symbol by ``ts_open``."""
Ids = Callable[[str, int], IdSet]
"""The ids that were seen of a symbol and series."""


class Span(NamedTuple):
    """A time [begin, end), µs UTC, in which trades are missing."""

    begin: int
    end: int

    def meets(self, begin: int, end: int) -> bool:
        """Return whether it has a moment in common with [begin, end)."""
        return self.begin < end and begin < self.end


def span(minutes: Minutes, gap: Gap) -> Span:
    """Return the minutes in which the missing trades of a gap may have happened.

    Trades that are not in the order of their ids only make it longer.
    """
    below, first = (gap.series, gap.first_id), (gap.series, gap.first_id - 1)
    above, last = (gap.series, gap.last_id), (gap.series, gap.last_id + 1)
    before = [ts for ts, one in minutes.items() if one.open_key < below]
    after = [ts for ts, one in minutes.items() if one.close_key > above]
    begin = end = None
    if before:
        begin = min([max(before), *(ts for ts, one in minutes.items() if one.close_key >= first)])
    if after:
        end = max([min(after), *(ts for ts, one in minutes.items() if one.open_key <= last)])
    return Span(
        -FOREVER if begin is None else begin,
        FOREVER if end is None else end + MINUTE_US,
    )


class Missing:
    """The gaps of one exchange that are not filled.

    Args:
        ids: which ids were seen.
        minutes: a symbol's 1m candles, the recent ones.
    """

    def __init__(self, ids: Ids, minutes: Callable[[str], Minutes]) -> None:
        self._ids = ids
        self._minutes = minutes
        self._gaps: dict[str, dict[Gap, Span]] = {}

    def __bool__(self) -> bool:
        return bool(self._gaps)

    def open(self, gaps: Iterable[Gap]) -> dict[str, list[Span]]:
        """Take gaps; return by symbol the times of what was not known to be missing before."""
        found: dict[str, list[Span]] = {}
        for gap in gaps:
            mine = self._gaps.setdefault(gap.symbol, {})
            for rest in self._rest(gap):
                if rest not in mine:
                    mine[rest] = span(self._minutes(gap.symbol), rest)
                    found.setdefault(gap.symbol, []).append(mine[rest])
        return found

    def had(self, symbol: str, lowest_id: int) -> list[Span]:
        """Look again: ids from ``lowest_id`` on were seen.

        Returns:
            The times of which less is missing now.
        """
        mine = self._gaps.get(symbol)
        if not mine:
            return []
        found: list[Span] = []
        for gap, known in list(mine.items()):
            if known.end == FOREVER or gap.last_id >= lowest_id:
                rests = self._rest(gap)
                made = {rest: span(self._minutes(symbol), rest) for rest in rests}
                if made != {gap: known}:
                    del mine[gap]
                    mine.update(made)
                    found.append(known)
        if not mine:
            del self._gaps[symbol]
        return found

    def within(self, symbol: str, begin: int, end: int) -> bool:
        """Return whether trades of [begin, end), µs UTC, are missing."""
        return any(one.meets(begin, end) for one in self._gaps.get(symbol, {}).values())

    def forget(self, before: int) -> None:
        """Forget what was missing before that time."""
        for symbol, mine in list(self._gaps.items()):
            for gap in [gap for gap, known in mine.items() if known.end <= before]:
                del mine[gap]
            if not mine:
                del self._gaps[symbol]

    def _rest(self, gap: Gap) -> list[Gap]:
        """Return what is still missing of a gap, as one gap, or none."""
        parts = self._ids(gap.symbol, gap.series).missing(gap.first_id, gap.last_id)
        return [Gap(gap.symbol, parts[0][0], parts[-1][1], gap.series)] if parts else []

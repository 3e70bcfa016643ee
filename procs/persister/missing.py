"""The open gaps of one exchange in Postgres, and which of them what was stored has closed. Pure.

In come the gaps that are opened and ids that are stored or cannot be had; out come the gaps of
which nothing is missing any more. A gap counts as filled by what Postgres has, whoever opened it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bus.messages import Gap
from market.sequence import IdSet

Ids = Mapping[tuple[str, int], IdSet]


class Closed(NamedTuple):
    """Gaps that are no more."""

    filled: list[Gap]
    unfillable: list[Gap]
    """What is still missing of them is nowhere to be had."""


class Missing:
    """The open gaps.

    Args:
        opened: those that Postgres has.
    """

    def __init__(self, opened: Iterable[Gap]) -> None:
        self._open: dict[tuple[str, int], dict[Gap, None]] = {}
        self.open(opened)
        self._absent: dict[tuple[str, int], IdSet] = {}

    def open(self, gaps: Iterable[Gap]) -> None:
        """Take gaps that are opened now."""
        for gap in gaps:
            self._open.setdefault((gap.symbol, gap.series), {})[gap] = None

    def absent(self, gaps: Iterable[Gap]) -> None:
        """Take ids that cannot be had."""
        for gap in gaps:
            ids = self._absent.setdefault((gap.symbol, gap.series), IdSet())
            ids.add_range(gap.first_id, gap.last_id)

    def closed(self, seen: Ids, keys: Iterable[tuple[str, int]]) -> Closed:
        """Return and forget the gaps of these keys of which nothing can come any more."""
        found = Closed([], [])
        for key in keys:
            mine = self._open.get(key, {})
            ids, absent = seen.get(key, IdSet()), self._absent.get(key, IdSet())
            for gap in list(mine):
                parts = ids.missing(gap.first_id, gap.last_id)
                if not parts:
                    found.filled.append(gap)
                elif not any(absent.missing(low, high) for low, high in parts):
                    found.unfillable.append(gap)
                else:
                    continue
                del mine[gap]
        return found

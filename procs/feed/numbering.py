"""Numbers for the trades of an exchange that gives them none. Pure.

Trades with id 0 go in; out they come with the next numbers of their symbols, which are their places
in this journal. Never by value: two real trades may be equal in price, size and millisecond.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from itertools import count

from msgspec.structs import replace

from bus.messages import Trade
from market.sequence import IdSet

SERIES_FROM_S = 1_577_836_800
"""The beginning of 2020, from which a series counts the seconds: Postgres keeps it as ``int4``."""


class Numbering:
    """The numbers that one journal gives.

    Args:
        born_s: when the journal was made, seconds since 1970. Its numbers stand in a series of
            that moment, so that what a lost journal has numbered is never taken for one of them.
        ids: the ids seen, by (symbol, series); changed here.
    """

    def __init__(self, born_s: int, ids: MutableMapping[tuple[str, int], IdSet]) -> None:
        self._series = max(1, born_s - SERIES_FROM_S)
        self._ids = ids

    def number(self, trades: Sequence[Trade], counts: Mapping[str, int]) -> list[Trade]:
        """Return the trades with their numbers; ``counts`` says how many each symbol has."""
        numbers = {}
        for symbol, size in counts.items():
            ids = self._ids.setdefault((symbol, self._series), IdSet())
            first = (ids.last or 0) + 1
            ids.add_range(first, first + size - 1)
            numbers[symbol] = count(first)
        return [
            replace(one, trade_id=next(numbers[one.symbol]), series=self._series) for one in trades
        ]

    def take_back(self, counts: Mapping[str, int]) -> None:
        """Let the last numbers be given again: what had them could not be journalled."""
        for symbol, size in counts.items():
            ids = self._ids[symbol, self._series]
            last = ids.last or 0
            ids.remove_range(last - size + 1, last)

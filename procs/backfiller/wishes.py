"""What one exchange is to be asked for, in which order, and what its answers leave to be asked.

Wanted ranges of ids come in; out goes the range to ask for next, and after each answer what of it
was wanted and what the exchange has not. There is no budget of calls: each answer brings something
of the range that was asked for, or settles that the exchange has nothing there, so that a thousand
million ids that never were cost a call or two. It knows no clock and asks nobody.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from bus.messages import Wanted

Key = tuple[str, int]
"""(symbol, series)"""
Range = tuple[int, int]
"""Ids, both ends included."""

WISHES_MAX = 1_000
"""More ranges of one exchange are not taken: the feed asks again."""


@dataclass
class _Wish:
    """A wanted range, and what has become of it."""

    wanted: Wanted
    missing: list[Range]
    """What of it has not been settled, rising."""
    absent: list[Range] = field(default_factory=list)
    """What of it the exchange has not."""


class Settled(NamedTuple):
    """What an answer has brought."""

    ids: set[int]
    """Those of its trades that were wanted."""
    absent: list[Range]
    """What the exchange has not, of all the ranges that this answer finished, rising."""
    finished: int
    """How many ranges that are."""


class Wishes:
    """What one exchange is to be asked for."""

    def __init__(self) -> None:
        self._wishes: dict[Key, list[_Wish]] = {}

    def __len__(self) -> int:
        """Return how many ranges are not finished."""
        return sum(map(len, self._wishes.values()))

    def add(self, wanted: Wanted) -> None:
        """Ask for a range, but not for what is being asked for already."""
        known = self._wishes.get((wanted.symbol, wanted.series), [])
        for first, last in list(_outside(wanted, known)):
            if len(self) < WISHES_MAX:
                wish = _Wish(replace(wanted, first_id=first, last_id=last), [(first, last)])
                mine = self._wishes.setdefault((wanted.symbol, wanted.series), [])
                mine.append(wish)
                mine.sort(key=lambda wish: wish.wanted.first_id)

    def next(self) -> Wanted | None:
        """Return what to ask for: one symbol after the other, of each the newest first."""
        for key, mine in self._wishes.items():
            del self._wishes[key]
            self._wishes[key] = mine  # the last of the symbols from here on
            wish = mine[-1]
            first, last = wish.missing[-1]
            return replace(wish.wanted, first_id=first, last_id=last)
        return None

    def settle(self, asked: Wanted, ids: list[int]) -> Settled:
        """Take the ids of a good answer, rising: an unbroken run of those that the exchange has."""
        key = (asked.symbol, asked.series)
        settled = Settled(set(), [], 0)
        run = (ids[0], ids[-1]) if ids else (0, -1)
        unfinished, finished = [], 0
        for wish in self._wishes.get(key, []):
            missing = []
            for before in wish.missing:
                settled.ids.update(_inside(before, ids))
                for first, last in _without(before, ids):
                    in_run = run[0] <= first and last <= run[1]
                    if in_run or (first, last) == (asked.first_id, asked.last_id):
                        wish.absent.append((first, last))
                    else:
                        missing.append((first, last))
            wish.missing = missing
            if missing:
                unfinished.append(wish)
            else:
                finished += 1
                settled.absent.extend(sorted(wish.absent))
        self._keep(key, unfinished)
        return settled._replace(finished=finished)

    def drop(self, asked: Wanted) -> None:
        """Ask for nothing of that symbol any more, until it is wanted again."""
        self._keep((asked.symbol, asked.series), [])

    def _keep(self, key: Key, wishes: list[_Wish]) -> None:
        if wishes:
            self._wishes[key] = wishes
        else:
            self._wishes.pop(key, None)


def _inside(part: Range, ids: list[int]) -> list[int]:
    """Return those of the rising ids that are in a range."""
    return ids[bisect_left(ids, part[0]) : bisect_right(ids, part[1])]


def _without(part: Range, ids: list[int]) -> Iterator[Range]:
    """Yield what remains of a range when the rising ids are taken out of it."""
    for before, after in pairwise([part[0] - 1, *_inside(part, ids), part[1] + 1]):
        if after - before > 1:
            yield before + 1, after - 1


def _outside(wanted: Wanted, known: list[_Wish]) -> Iterator[Range]:
    """Yield what of a range is in none of the known ones, which rise and do not overlap."""
    first = wanted.first_id
    for wish in known:
        one = wish.wanted
        if one.last_id < first:
            continue
        if one.first_id > wanted.last_id:
            break
        if one.first_id > first:
            yield first, one.first_id - 1
        first = one.last_id + 1
    if first <= wanted.last_id:
        yield first, wanted.last_id

"""What one exchange is to be asked for, in which order, and what its answers leave to be asked.

Wanted ranges of ids come in; out goes the range to ask for next, and after each answer what of it
was wanted and what the exchange has not. There is no budget of calls where ids are wanted: each
answer brings something of the range that was asked for, or tells where in time to look for it, or
settles that the exchange has nothing there, so that a thousand million ids that never were cost a
call or two. It knows no clock and asks nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from bus.messages import Wanted
from procs.backfiller.timeline import Timeline
from procs.backfiller.wish import Range, Wish

Key = tuple[str, int]
"""(symbol, series)"""

WISHES_MAX = 1_000
"""More ranges of one exchange are not taken: the feed asks again."""
AHEAD_MAX = 10
"""A range that may have nothing is not taken while there are so many."""


class Settled(NamedTuple):
    """What an answer has brought."""

    ids: set[int]
    """Those of its trades that were wanted."""
    absent: list[Range]
    """What the exchange has not, of all the ranges that this answer finished, rising."""
    finished: int
    """How many ranges that are."""


class Wishes:
    """What one exchange is to be asked for.

    Args:
        page_trades: how many trades a full page has, of an exchange whose pages rise from a time;
            None: they are asked for by id.
    """

    def __init__(self, page_trades: int | None = None) -> None:
        self._page_trades = page_trades
        self._wishes: dict[Key, list[Wish]] = {}
        self._timelines: dict[Key, Timeline] = {}

    def __len__(self) -> int:
        """Return how many ranges are not finished."""
        return sum(map(len, self._wishes.values()))

    @property
    def pressing(self) -> bool:
        """True when something is missing, and not only trades from before a symbol's first."""
        return any(wish.wanted.until is None for mine in self._wishes.values() for wish in mine)

    def add(self, wanted: Wanted) -> None:
        """Ask for a range, but not for what is being asked for already."""
        known = self._wishes.get((wanted.symbol, wanted.series), [])
        room = AHEAD_MAX if wanted.ahead else WISHES_MAX
        for first, last in list(_outside(wanted, known)):
            if len(self) < room:
                wish = Wish(replace(wanted, first_id=first, last_id=last), [(first, last)])
                mine = self._wishes.setdefault((wanted.symbol, wanted.series), [])
                mine.append(wish)
                mine.sort(key=lambda wish: wish.wanted.first_id)

    def next(self) -> Wanted | None:
        """Return what to ask for: one symbol after the other, of each the newest range first.

        Of a range pages by id go down from its end, pages by time up from its beginning: theirs
        begins with the first of the ranges that one page reaches, from it to the newest. ``since``
        is then from when; None: the newest page.
        """
        for key, mine in self._wishes.items():
            del self._wishes[key]
            self._wishes[key] = mine  # the last of the symbols from here on
            timeline, pages = self._timeline(key), self._page_trades
            if timeline is None or pages is None:
                return mine[-1].next_by_id()
            _, end = mine[-1].missing[0]
            first = next((one for one in mine if end - one.missing[0][0] < pages), mine[-1])
            return first.next_by_time(timeline)
        return None

    def _timeline(self, key: Key) -> Timeline | None:
        if self._page_trades is None:
            return None
        return self._timelines.setdefault(key, Timeline(self._page_trades))

    def settle(
        self, asked: Wanted, ids: Sequence[int], times: Mapping[int, int] | None = None
    ) -> Settled:
        """Take the ids of a good answer, rising: an unbroken run of those that the exchange has.

        ``times`` are their trades' (``ts_event``, µs UTC), of those that are believed.
        """
        key, times = (asked.symbol, asked.series), times or {}
        timeline = self._timeline(key)
        settled = Settled(set(), [], 0)
        unfinished, finished = [], 0
        for wish in self._wishes.get(key, []):
            settled.ids.update(wish.settle(asked, ids, times, timeline))
            if wish.missing:
                unfinished.append(wish)
            else:
                finished += 1
                settled.absent.extend(sorted(wish.absent))
        if timeline is not None:
            timeline.learn(asked, ids, times)
        self._keep(key, unfinished)
        return settled._replace(finished=finished)

    def drop(self, asked: Wanted) -> None:
        """Ask for nothing of that symbol any more, until it is wanted again."""
        self._keep((asked.symbol, asked.series), [])

    def _keep(self, key: Key, wishes: list[Wish]) -> None:
        if wishes:
            self._wishes[key] = wishes
        else:
            self._wishes.pop(key, None)


def _outside(wanted: Wanted, known: list[Wish]) -> Iterator[Range]:
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

"""Which trade ids are missing, since when, and what is done about it. Pure.

Ids go in as they jump; gaps come out once the grace for reordering has passed, then wishes for the
backfiller, again by timer while they are missing, and in the end what is filled or what the
exchange does not have. What is missing is always read from the ids that were seen, so that a trade
fills its gap whichever way it came. All times are µs of the clock that only goes forward, but for
``since`` (µs UTC).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from operator import itemgetter

from bus.messages import Gap, Wanted
from market.sequence import IdSet

Key = tuple[str, int]
"""(symbol, series)"""

GRACE_US = 500_000
"""An exchange may send trades in another order for so long."""
ASK_AGAIN_US = 5_000_000
ABSENT_TIMES = 3
"""So often must the exchange say that it has no such trade: its REST may be behind its stream."""
TOGETHER_IDS = 500
"""Gaps that are no further apart are asked for as one: an answer brings a thousand trades."""
WANTED_MAX = 100
"""Ranges that are asked for at once."""
APART_MAX = 1_000
"""Open gaps that are kept apart; beyond it those that ripen together are one."""
JUMP_MAX = 10_000
"""An id that is further ahead is not followed before another one near it confirms it."""


class Frontier:
    """How far the ids of one symbol have come, not led astray by a single one that jumps.

    Args:
        ids: those that were seen; it begins where most of them are.
    """

    def __init__(self, ids: IdSet) -> None:
        self.last: int | None = None
        best = size = 0
        end: int | None = None
        for low, high in ids.intervals():
            if end is None or low - end > JUMP_MAX:
                size = 0  # far from those before
            size, end = size + high - low + 1, high
            if size >= best:
                best, self.last = size, high
        self.doubtful: int | None = None
        """An id far ahead that no other one has confirmed."""

    def passed(self, trade_id: int) -> tuple[int, int] | None:
        """Go on to the id of a trade; return the ids that were passed over, None where none were.

        Only for a trade that is believed: what is quarantined leads nowhere.
        """
        if self.last is None:
            self.last = trade_id
            return None
        step = trade_id - self.last
        if step <= 1:
            self.last += step == 1
            return None
        near = self.doubtful is not None and abs(trade_id - self.doubtful) <= JUMP_MAX
        if step > JUMP_MAX and not near:
            self.doubtful = trade_id
            return None
        return self.follow(trade_id)

    def follow(self, trade_id: int) -> tuple[int, int] | None:
        """Go on to an id, however far ahead; return the ids that were passed over."""
        first = trade_id if self.last is None else self.last + 1
        self.last = max(first - 1, trade_id)
        if self.doubtful is not None and self.doubtful <= trade_id + JUMP_MAX:
            self.doubtful = None
        return (first, trade_id - 1) if first < trade_id else None


@dataclass
class _Jump:
    """Ids that were passed over."""

    first: int
    last: int
    since: int | None
    at: int


@dataclass
class _Open:
    """A gap that was journalled."""

    since: int | None
    ask_at: int
    absent: int = 0
    """How often the exchange has said that it has none of what is missing."""
    missing: list[tuple[int, int]] = field(default_factory=list)
    """What of it was missing when ``filled`` looked last."""


class Holes:
    """The missing ids of one exchange.

    Args:
        gone: ids that are not asked for any more. They rest in the journal.
    """

    def __init__(self, gone: dict[Key, IdSet] | None = None) -> None:
        self.gone = gone if gone is not None else {}
        self._jumps: dict[Key, list[_Jump]] = {}
        self._open: dict[Key, dict[Gap, _Open]] = {}
        self._open_ids: dict[Key, IdSet] = {}
        self._looked: dict[Key, int] = {}

    def __len__(self) -> int:
        """Return how many gaps are open."""
        return sum(map(len, self._open.values()))

    def jumped(self, key: Key, first: int, last: int, since: int | None, at: int) -> None:
        """Note that ids ``first`` to ``last`` were passed over; they may still come by themselves.

        ``since`` is the time of the newest trade before them, as far as it is known.
        """
        jumps = self._jumps.setdefault(key, [])
        if jumps and first <= jumps[-1].last + 1 and last >= jumps[-1].first:
            jumps[-1].first = min(first, jumps[-1].first)
            jumps[-1].last = max(last, jumps[-1].last)
        else:
            jumps.append(_Jump(first, last, since, at))

    def due(self, ids: Mapping[Key, IdSet], now: int) -> list[tuple[Gap, int | None]]:
        """Return and forget what is still missing after the grace, with its ``since``."""
        found = []
        for key, jumps in list(self._jumps.items()):
            ripe = [jump for jump in jumps if now - jump.at >= GRACE_US]
            if not ripe:
                continue
            waiting = [jump for jump in jumps if now - jump.at < GRACE_US]
            if waiting:
                self._jumps[key] = waiting
            else:
                del self._jumps[key]
            taken = IdSet()
            parts: list[tuple[int, int, int | None]] = []
            for jump in ripe:
                for low, high in ids[key].missing(jump.first, jump.last):
                    for first, last in self.unknown(key, taken.missing(low, high)):
                        taken.add_range(first, last)
                        parts.append((first, last, jump.since))
            if parts and len(self) + len(parts) > APART_MAX:
                first, last = min(one[0] for one in parts), max(one[1] for one in parts)
                parts = [
                    (low, high, parts[0][2]) for low, high in self.unknown(key, [(first, last)])
                ]
            found += [(Gap(key[0], one[0], one[1], key[1]), one[2]) for one in parts]
        return found

    def unknown(self, key: Key, parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return what of these ids is in no open gap and has not been given up."""
        for known in (self._open_ids.get(key), self.gone.get(key)):
            if known is not None:
                parts = [one for low, high in parts for one in known.missing(low, high)]
        return list(parts)

    def late(self, key: Key, trade_id: int, ids: IdSet, now: int) -> None:
        """Take an id that is behind the newest: where it comes from, others may come after all.

        Not where it follows the one before it: behind a wrong id ahead all trades come like that.
        """
        gone = self.gone.get(key)
        if gone is None or trade_id not in gone or trade_id - 1 in ids:
            return
        if now - self._looked.get(key, 0) < ASK_AGAIN_US:
            return
        self._looked[key] = now
        for first, last in gone.within(trade_id - JUMP_MAX, trade_id + JUMP_MAX):
            gone.remove_range(first, last)
            for low, high in ids.missing(first, last):
                self._jumps.setdefault(key, []).append(_Jump(low, high, None, now))

    def open(self, gap: Gap, since: int | None, now: int) -> None:
        """Ask for a gap that was journalled."""
        key = (gap.symbol, gap.series)
        missing = [(gap.first_id, gap.last_id)]
        self._open.setdefault(key, {})[gap] = _Open(since, now, missing=missing)
        self._open_ids.setdefault(key, IdSet()).add_range(gap.first_id, gap.last_id)

    def open_rest(self, gap: Gap, now: int) -> list[Gap]:
        """Ask for what of a gap has not been given up before; return what has."""
        gone = self.gone.get((gap.symbol, gap.series), IdSet())
        for first, last in gone.missing(gap.first_id, gap.last_id):
            self.open(Gap(gap.symbol, first, last, gap.series), None, now)
        parts = gone.within(gap.first_id, gap.last_id)
        return [Gap(gap.symbol, first, last, gap.series) for first, last in parts]

    def reopen(self, gap: Gap, ids: IdSet, now: int) -> None:
        """Look after what is missing of a gap that somebody else knows to be open."""
        key = (gap.symbol, gap.series)
        for low, high in self.unknown(key, ids.missing(gap.first_id, gap.last_id)):
            self.open(Gap(gap.symbol, low, high, gap.series), None, now)

    def _close(self, gap: Gap) -> None:
        key = (gap.symbol, gap.series)
        del self._open[key][gap]
        self._open_ids[key].remove_range(gap.first_id, gap.last_id)

    def filled(self, ids: Mapping[Key, IdSet]) -> list[Gap]:
        """Return and forget the open gaps of which nothing is missing any more."""
        whole = []
        for key, mine in self._open.items():
            seen = ids[key]
            for gap, state in mine.items():
                state.missing = seen.missing(gap.first_id, gap.last_id)
                if not state.missing:
                    whole.append(gap)
        for gap in whole:
            self._close(gap)
        return whole

    def absent(self, key: Key, ranges: Iterable[tuple[int, int]], ids: Mapping[Key, IdSet]) -> None:
        """Take the exchange's word that it has no trade in these ranges of ids."""
        said = IdSet(ranges)
        for gap, state in self._open.get(key, {}).items():
            missing = ids[key].missing(gap.first_id, gap.last_id)
            if all(not said.missing(low, high) for low, high in missing):
                state.absent += 1

    def give_up(self, key: Key, first: int, last: int) -> None:
        """Ask for these ids no more, whoever finds them missing."""
        self.gone.setdefault(key, IdSet()).add_range(first, last)

    def take_back(self, gaps: Iterable[Gap], now: int) -> None:
        """Go on with gaps that could not be given up, as that could not be journalled."""
        for gap in gaps:
            self.gone[gap.symbol, gap.series].remove_range(gap.first_id, gap.last_id)
            self.open(gap, None, now + ASK_AGAIN_US)

    def unfillable(self, ids: Mapping[Key, IdSet]) -> list[Gap]:
        """Return and forget what the exchange has said often enough that it does not have."""
        lost = []
        for key, mine in self._open.items():
            for gap in [gap for gap, state in mine.items() if state.absent >= ABSENT_TIMES]:
                self._close(gap)
                for first, last in ids[key].missing(gap.first_id, gap.last_id):
                    self.give_up(key, first, last)
                    lost.append(Gap(gap.symbol, first, last, gap.series))
        return lost

    def wanted(self, ids: Mapping[Key, IdSet], now: int) -> list[Wanted]:
        """Return what to ask the backfiller for now: neighbours together, the newest first.

        The symbols take turns, so that one with many gaps leaves room for the others.
        """
        asked: list[list[tuple[Wanted, list[_Open]]]] = []
        for key, open_ones in self._open.items():
            ready = [
                (gap.first_id, gap, state)
                for gap, state in open_ones.items()
                if now >= state.ask_at
            ]
            mine: list[tuple[Wanted, list[_Open]]] = []
            for _, gap, state in sorted(ready, key=itemgetter(0)):
                missing = ids[key].missing(gap.first_id, gap.last_id)
                if not missing:
                    continue
                first, last = missing[0][0], missing[-1][1]
                if mine and first - mine[-1][0].last_id <= TOGETHER_IDS:
                    before, states = mine[-1]
                    both = Wanted(gap.symbol, before.first_id, last, gap.series, before.since)
                    states.append(state)
                    mine[-1] = (both, states)
                else:
                    mine.append((Wanted(gap.symbol, first, last, gap.series, state.since), [state]))
            asked.append(mine)
        turns = zip_longest(*(reversed(mine) for mine in asked))
        chosen = [one for turn in turns for one in turn if one is not None][:WANTED_MAX]
        for _, states in chosen:
            for state in states:
                state.ask_at = now + ASK_AGAIN_US * 4**state.absent
        return [wanted for wanted, _ in chosen]

    def count(self) -> dict[str, tuple[int, int]]:
        """Return (open gaps, missing ids) of each symbol that has some, as ``filled`` found it."""
        found: dict[str, tuple[int, int]] = {}
        for (symbol, _), mine in self._open.items():
            if mine:
                gaps, missing = found.get(symbol, (0, 0))
                size = sum(high - low + 1 for state in mine.values() for low, high in state.missing)
                found[symbol] = (gaps + len(mine), missing + size)
        return found

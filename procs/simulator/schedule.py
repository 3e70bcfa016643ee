"""When trades happen: the whole simulation's trades as one numbered, evenly spaced sequence.

While trading is open, trades follow each other every 1 / rate seconds and the symbols take turns,
so each gets an equal share of the rate. Trading is open in *segments*; a pause, or another list
of symbols, ends one and begins the next. Within a segment with n symbols and start t0, the k-th
trade (from 0) happens at ``t0 + k / rate`` and belongs to symbol ``k % n``; each symbol's ids run
1, 2, 3 … through all segments. What is executed at a moment is thus a function of the segments
alone: nothing else need survive a crash. Pure.

A *tick* here is a trade's number in that whole sequence, from 0.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

BILLION = 1_000_000_000


class Segment(msgspec.Struct, frozen=True):
    """A time in which trading was open."""

    start: int
    """µs UTC of its first trade."""
    end: int | None
    """Trades up to this moment (µs UTC, inclusive) have happened; ``None`` while it is open."""
    symbols: tuple[str, ...]
    """``exchange:BASE-QUOTE``, in the order of their turns."""


class Placed(NamedTuple):
    """A segment in the whole sequence."""

    segment: Segment
    tick: int
    """Number of trades before it."""
    first_ids: tuple[int, ...]
    """For each of its symbols, the id of its first trade in it."""
    totals: dict[str, int]
    """For each symbol there ever was, the number of its trades before it."""


class Stretch(NamedTuple):
    """Consecutive trades within one segment: ``first`` ≤ k < ``last``."""

    start: int
    first_ids: tuple[int, ...]
    first: int
    last: int


class Schedule:
    """The segments, and what follows from them.

    Args:
        rate_milli: trades in 1,000 seconds, over all symbols.
        segments: in order of time, none overlapping; only the last may be open.
    """

    def __init__(self, rate_milli: int, segments: Sequence[Segment]) -> None:
        self.rate_milli = rate_milli
        self._placed: list[Placed] = []
        self._starts: list[int] = []
        self._of: dict[str, list[tuple[int, int]]] = {}
        self._totals: dict[str, int] = {}
        self._latest = 0
        for segment in segments:
            self._append(segment)

    def _append(self, segment: Segment) -> None:
        tick = self._ticks_at(None)
        first_ids = tuple(self._totals.get(symbol, 0) + 1 for symbol in segment.symbols)
        placed = Placed(segment, tick, first_ids, dict(self._totals))
        for symbol, first_id in zip(segment.symbols, first_ids, strict=True):
            self._of.setdefault(symbol, []).append((first_id, len(self._placed)))
        self._placed.append(placed)
        self._starts.append(tick)
        if segment.end is not None:
            self._count_totals()

    def _count_totals(self) -> None:
        """The last segment has just ended: its trades are final."""
        end = self._ticks_at(None)
        for symbol in self._placed[-1].segment.symbols:
            self._totals[symbol] = self.last_id(symbol, end)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments: what has to be kept."""
        return tuple(placed.segment for placed in self._placed)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of the present segment."""
        return self._placed[-1].segment.symbols if self._placed else ()

    @property
    def trading(self) -> bool:
        """True while a segment is open."""
        return bool(self._placed) and self._placed[-1].segment.end is None

    def open(self, now: int, symbols: Sequence[str]) -> None:
        """Begin to trade at ``now`` (µs UTC), or a microsecond after the last pause began."""
        assert not self.trading
        if self._placed:
            ended = self._placed[-1].segment.end
            assert ended is not None
            now = max(now, ended + 1)
        self._append(Segment(now, None, tuple(symbols)))

    def close(self, now: int) -> None:
        """Stop trading: what is due by ``now`` (µs UTC) has happened, and nothing more."""
        placed = self._placed[-1]
        assert placed.segment.end is None
        end = max(now, placed.segment.start, self._latest)
        ended = Segment(placed.segment.start, end, placed.segment.symbols)
        self._placed[-1] = placed._replace(segment=ended)
        self._count_totals()

    def ticks(self, now: int) -> int:
        """Return how many trades have happened by ``now`` (µs UTC). Never falls."""
        self._latest = max(self._latest, now)
        return self._ticks_at(self._latest)

    def _ticks_at(self, now: int | None) -> int:
        if not self._placed:
            return 0
        placed = self._placed[-1]
        until = placed.segment.end if placed.segment.end is not None else now
        if until is None or until < placed.segment.start:
            return placed.tick
        return placed.tick + 1 + (self._elapsed(until - placed.segment.start))

    def _elapsed(self, duration: int) -> int:
        """Return the greatest k whose time is at most ``duration`` µs after its segment's start."""
        return ((duration + 1) * self.rate_milli - 1) // BILLION

    def next_at(self, tick: int) -> int | None:
        """Return when a trade that has not happened yet is due (µs UTC); None in a pause."""
        if not self.trading:
            return None
        placed = self._placed[-1]
        return placed.segment.start + (tick - placed.tick) * BILLION // self.rate_milli

    def stretches(self, first: int, last: int) -> Iterator[Stretch]:
        """Yield the trades ``first`` ≤ tick < ``last``, which have happened, by segment."""
        at = max(0, bisect_right(self._starts, first) - 1)
        for placed, following in zip(
            self._placed[at:], [*self._starts[at + 1 :], last], strict=True
        ):
            start, end = max(first, placed.tick), min(last, following)
            if start < end:
                yield Stretch(
                    placed.segment.start, placed.first_ids, start - placed.tick, end - placed.tick
                )

    def last_id(self, symbol: str, tick: int) -> int:
        """Return the id of the symbol's last trade among the first ``tick`` ones; 0: none."""
        at = bisect_right(self._starts, tick) - 1
        if at < 0:
            return 0
        placed = self._placed[at]
        if symbol not in placed.segment.symbols:
            return placed.totals.get(symbol, 0)
        symbols = placed.segment.symbols
        slot = symbols.index(symbol)
        happened = (tick - placed.tick - slot + len(symbols) - 1) // len(symbols)
        return placed.first_ids[slot] - 1 + happened

    def when(self, symbol: str, trade_id: int) -> int:
        """Return the time of a trade (µs UTC). ``trade_id`` ≥ 1.

        Raises:
            KeyError: no segment has the symbol.
        """
        found = self._of[symbol]
        first_id, at = found[bisect_right(found, (trade_id, len(self._placed))) - 1]
        placed = self._placed[at]
        count = len(placed.segment.symbols)
        k = (trade_id - first_id) * count + placed.segment.symbols.index(symbol)
        return placed.segment.start + k * BILLION // self.rate_milli

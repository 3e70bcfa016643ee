"""Which candles of the exchanges' own are wanted, and what came of that. Pure but for ``write``.

A symbol's trades begin to be stored at some moment, or do so again after a silence: an installation
that was off, or an exchange that was. What was before is wanted from the exchange: 25 hours of
minutes, 31 days of hours, a year of days, up to the end of the interval in which the trades go on,
once that has passed. The newest come first, a page at a time; minutes before hours before days. It
is read out of Postgres what was had, so that a restart asks for the rest alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bus.messages import History, HistoryCandle, HistoryWanted
from market.intervals import bucket
from market.sequence import IdSet
from procs.persister.sift import Refused, sift
from store import history
from store.history import Key
from store.pool import Connection

DAY_US = 86_400_000_000
SPANS_US = {60: 25 * 3_600_000_000, 3600: 31 * DAY_US, 86400: 366 * DAY_US}
"""How far back candles of each stored interval are wanted; the minutes for the 24 hours' change."""
SILENCE_US = 600_000_000
"""Trades that go on after so long may be missing some: what the exchange has is wanted again."""
SETTLE_US = 60_000_000
"""An exchange takes its time to publish a candle after its end."""
ASK_AGAIN_US = 10_000_000
ASK_AGAIN_MAX_US = 600_000_000
"""Where nothing comes (an exchange that has no such thing) it is asked ever more seldom."""


@dataclass
class _Symbol:
    """What is wanted of one symbol, by interval."""

    newest: int
    until: dict[int, int]
    covered: dict[int, IdSet]
    """By number of the interval since 1970."""
    ask_at: int = 0
    wait_us: int = ASK_AGAIN_US


class Histories:
    """All symbols' candles of the past."""

    def __init__(self) -> None:
        self._symbols: dict[tuple[str, str], _Symbol] | None = None
        """None: what stands in Postgres is not known."""
        self._unwritten: dict[Key, int] = {}
        self._came: dict[Key, History] = {}

    def read(self, connection: Connection) -> None:
        """Take from Postgres what was had, unless it is known.

        Raises:
            psycopg.Error: it is not known then.
        """
        if self._symbols is None:
            found: dict[tuple[str, str], _Symbol] = {}
            for (exchange, symbol, interval_s), (until, covered) in history.ranges(
                connection
            ).items():
                mine = found.setdefault((exchange, symbol), _Symbol(0, {}, {}))
                mine.until[interval_s] = until
                step = interval_s * 1_000_000
                mine.covered[interval_s] = IdSet(
                    (start // step, end // step - 1) for start, end in covered
                )
            self._symbols = found

    def forget(self) -> None:
        """Believe nothing of what stands in Postgres: it may be another one now."""
        self._symbols = None
        self._unwritten.clear()
        self._came.clear()

    def begin(self, exchange: str, newest: Mapping[str, int]) -> None:
        """Take when the newest trade of each symbol happened that was stored before this life."""
        for symbol, ts in newest.items():
            if self._symbols is not None and (exchange, symbol) in self._symbols:
                self._symbols[exchange, symbol].newest = ts

    def stored(self, exchange: str, newest: Mapping[str, int]) -> None:
        """Take when the newest stored trade of each symbol happened, now and then."""
        if self._symbols is None:
            return
        for symbol, ts in newest.items():
            mine = self._symbols.setdefault((exchange, symbol), _Symbol(0, {}, {}))
            silence_us, mine.newest = ts - mine.newest, ts
            if mine.until and silence_us <= SILENCE_US:
                continue
            for interval_s in SPANS_US:
                end = bucket(ts, interval_s) + interval_s * 1_000_000
                if end > mine.until.get(interval_s, 0):
                    mine.until[interval_s] = end
                    self._unwritten[exchange, symbol, interval_s] = end
            mine.ask_at, mine.wait_us = 0, ASK_AGAIN_US

    def due(self, listed: Iterable[tuple[str, str]], wall: int, mono: int) -> list[HistoryWanted]:
        """Return what to ask for now, of symbols that are listed; ``wall`` is µs UTC.

        An exchange's time is that of its newest trade: a replay asks for what was before it.
        """
        if self._symbols is None or self._unwritten:
            return []
        markets: dict[str, int] = {}
        for (exchange, _), one in self._symbols.items():
            markets[exchange] = min(wall, max(one.newest, markets.get(exchange, 0)))
        found = []
        for key in listed:
            mine = self._symbols.get(key)
            if mine is None or mono < mine.ask_at:
                continue
            missing = self._missing(key, mine, markets[key[0]])
            if missing is not None:
                found.append(missing)
                mine.ask_at = mono + mine.wait_us
                mine.wait_us = min(2 * mine.wait_us, ASK_AGAIN_MAX_US)
        return found

    def _missing(self, key: tuple[str, str], mine: _Symbol, now: int) -> HistoryWanted | None:
        """Return the newest range that is wanted and was not had."""
        for interval_s, span_us in SPANS_US.items():
            step = interval_s * 1_000_000
            until = mine.until.get(interval_s, 0)
            end = min(until, bucket(now - SETTLE_US, interval_s))
            first, last = (until - span_us) // step, end // step - 1
            covered = mine.covered.setdefault(interval_s, IdSet())
            parts = covered.missing(max(0, first), last) if first <= last else []
            if parts:
                low, high = parts[-1]
                return HistoryWanted(*key, interval_s, low * step, (high + 1) * step)
        return None

    def take(self, found: History) -> None:
        """Take what an exchange has of a range, to be written."""
        if self._symbols is not None:
            self._came[found.exchange, found.symbol, found.interval_s] = found

    @property
    def unwritten(self) -> bool:
        """True when there is something to write."""
        return bool(self._unwritten or self._came)

    def write(
        self, connection: Connection
    ) -> tuple[History | None, Sequence[Refused[HistoryCandle]]]:
        """Write what is wanted, or one answer.

        Returns the answer as it was stored, None where it was none, and what the database refuses.

        Raises:
            psycopg.Error: nothing was written; the same will be tried again.
        """
        assert self._symbols is not None
        if self._unwritten:
            history.want(connection, self._unwritten)
            self._unwritten.clear()
            return None, ()
        key, found = next(iter(self._came.items()))
        stored: list[HistoryCandle] = []

        def save(part: Sequence[HistoryCandle]) -> None:
            history.save(connection, replace(found, candles=list(part)))
            stored.extend(part)

        with connection.transaction():  # what was had is noted with all of it or not at all
            refused = sift(found.candles, save)
            if not stored:
                history.save(connection, replace(found, candles=[]))
        del self._came[key]
        mine = self._symbols.get((found.exchange, found.symbol))
        if mine is not None:
            step = found.interval_s * 1_000_000
            covered = mine.covered.setdefault(found.interval_s, IdSet())
            covered.add_range(found.start // step, found.end // step - 1)
            mine.ask_at, mine.wait_us = 0, ASK_AGAIN_US
        return replace(found, candles=stored), refused

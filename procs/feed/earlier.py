"""The trades of the running hour from before a symbol's first one here. Pure.

On a fresh installation the first hour would be partial although the exchange has all of its trades.
So the feed wishes for them, from the hour's begin on, once it has had a symbol's first trade, and
again by timer until they are here or cannot be had. They are no gap: nothing is missing from before
tickwire was installed. One trade from before the hour comes with them; by that everybody knows that
the hour is whole. After a restart it is learned from Postgres which symbols began in this hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bus.messages import Recovered, SeenIds, Wanted
from market.intervals import bucket
from market.sequence import IdSet
from procs.feed.holes import Key

HOUR_S = 3600
ASK_AGAIN_US = 10_000_000
ASK_AGAIN_MAX_US = 320_000_000
GIVE_UP_US = 3_600_000_000
TRADES_MAX = 100_000
"""An hour with more is left partial: that is as many as a hundred pages bring."""


@dataclass
class _Sought:
    """One symbol's earlier trades."""

    first: int
    """The id that its trades begin with here."""
    until: int
    """The hour's begin, µs UTC."""
    began: int
    ask_at: int
    wait_us: int = ASK_AGAIN_US
    floor: int = 0
    """The newest trade from before the hour, once it is known."""
    absent: IdSet = field(default_factory=IdSet)
    """What the exchange has not."""

    def parts(self, ids: IdSet) -> list[tuple[int, int]]:
        """Return what is still to be had, rising."""
        return [
            part
            for low, high in ids.missing(self.floor, self.first - 1)
            for part in self.absent.missing(low, high)
        ]


class Earlier:
    """What one exchange's feed seeks from before its beginnings.

    Args:
        ids: those that were seen, as they go on. Symbols that are in it now began before this life.
        newest_at: ``ts_event`` of the newest trade of each, as it goes on.
    """

    def __init__(self, ids: Mapping[Key, IdSet], newest_at: Mapping[Key, int]) -> None:
        self._ids = ids
        self._newest_at = newest_at
        self._before = set(ids)
        self._tried: set[Key] = set()
        self._sought: dict[Key, _Sought] = {}

    def wanted(self, now: int) -> list[Wanted]:
        """Return what to ask the backfiller for now; ``now`` is of the clock that goes forward."""
        for key, newest in self._newest_at.items():
            if key not in self._before and key in self._ids:
                self._begin(key, newest, now)
        found = []
        for (symbol, series), one in list(self._sought.items()):
            parts = one.parts(self._ids[symbol, series])
            had = one.first - 1 - parts[-1][1] if parts else 0
            if not parts or had >= TRADES_MAX or now - one.began > GIVE_UP_US:
                del self._sought[symbol, series]
            elif now >= one.ask_at:
                one.ask_at = now + one.wait_us
                one.wait_us = min(2 * one.wait_us, ASK_AGAIN_MAX_US)
                found.append(Wanted(symbol, parts[0][0], parts[-1][1], series, None, one.until))
        return found

    def _begin(self, key: Key, newest: int, now: int) -> None:
        first = self._ids[key].first
        if key not in self._tried and first is not None and key[1] == 0:
            self._tried.add(key)
            self._sought[key] = _Sought(first, bucket(newest, HOUR_S), now, now)

    def stored(self, one: SeenIds, now: int) -> None:
        """Take what Postgres has: where that begins in the running hour, there may be more."""
        key = (one.symbol, one.series)
        newest = self._newest_at.get(key)
        if newest is None or one.oldest is None or key not in self._ids:
            return
        if bucket(newest, HOUR_S) == bucket(one.oldest, HOUR_S):
            self._begin(key, newest, now)

    def drop(self, key: Key) -> None:
        """Seek nothing more of a symbol: it did not begin in this life after all."""
        self._tried.add(key)
        self._sought.pop(key, None)

    def brought(self, message: Recovered, now: int) -> None:
        """Take what the backfiller has brought, be it for this or for a gap."""
        one = self._sought.get((message.symbol, message.series))
        if one is None:
            return
        older = [trade.trade_id for trade in message.trades if trade.ts_event < one.until]
        one.floor = max([one.floor, *older])
        for low, high in message.absent:
            one.absent.add_range(low, high)
        one.wait_us = ASK_AGAIN_US
        one.ask_at = now + one.wait_us

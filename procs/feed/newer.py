"""Trades of the time in which nobody listened, of symbols that are silent since. Pure.

That something is missing shows by a newer id. Some exchanges tell a symbol's newest one on
connecting, others do not; then what a pause has swallowed would stay unknown until the next trade.
So, a moment after each connect, the exchange is asked by REST what comes after our newest trade,
for each symbol whose newest the stream has not told: one symbol after the other, for as long as
something comes. What is brought is taken like all that the backfiller brings.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bus.messages import Recovered, Wanted
from procs.feed.commits import Commits
from procs.feed.exchanges import ID_MAX
from procs.feed.holes import Key

SILENT_US = 5_000_000
"""So long after a connect a symbol's newest id may come by itself."""
ASK_AGAIN_US = 10_000_000
"""So long an answer is waited for; then it is the next symbol's turn."""
ASK_AGAIN_MAX_US = 320_000_000
AHEAD_IDS = 999
"""A page of a thousand that ends with them begins with our newest trade: so it is never empty."""


@dataclass
class _Sought:
    """One symbol whose newest id is not known."""

    ask_at: int = 0
    wait_us: int = ASK_AGAIN_US
    asked: Wanted | None = None
    brought: int = 0
    """The highest id that has come for it, though it may not have been believed."""


class Newer:
    """Which symbols of one exchange are to be asked for.

    Args:
        commits: the ids seen, as they go on.
    """

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self._sought: dict[Key, _Sought] = {}
        self._ask_at = 0

    def connected(self, symbols: Iterable[str], now: int) -> None:
        """Begin anew with all symbols; ``now`` is of the clock that goes forward."""
        gapless = self._commits.gapless
        self._sought = {self._commits.key_of(one): _Sought() for one in symbols if gapless}
        self._ask_at = now + SILENT_US

    def told(self, symbol: str) -> None:
        """Take that the exchange has told the newest id of a symbol itself."""
        if self._sought:
            self._sought.pop(self._commits.key_of(symbol), None)

    def streamed(self, symbol: str, trade_id: int) -> None:
        """Take a trade that the stream has brought: if it is our newest, nothing is hidden.

        One far ahead is not: it is followed when what comes before it leads there.
        """
        if self._sought and trade_id == self._commits.newest(symbol):
            self.told(symbol)

    def wanted(self, now: int) -> list[Wanted]:
        """Return what to ask the backfiller for now: one range at most."""
        if now < self._ask_at:
            return []
        for key, one in self._sought.items():
            newest = self._commits.newest(key[0])
            # What was not subscribed for a while goes on where its stream does.
            if newest is None or now < one.ask_at or key in self._commits.resumed:
                continue
            first = max(newest, one.brought) + 1
            if first > ID_MAX:
                continue
            self._sought[key] = self._sought.pop(key)  # the last of them from here on
            self._ask_at, one.ask_at = now + ASK_AGAIN_US, now + one.wait_us
            one.wait_us = min(2 * one.wait_us, ASK_AGAIN_MAX_US)
            last, since = min(first + AHEAD_IDS - 1, ID_MAX), self._commits.newest_at.get(key)
            one.asked = Wanted(key[0], first, last, key[1], since, ahead=True)
            return [one.asked]
        return []

    def brought(self, message: Recovered, now: int) -> None:
        """Take what the backfiller has brought: nothing means that our newest is the newest."""
        key = (message.symbol, message.series)
        one = self._sought.get(key)
        if one is None or one.asked is None:
            return
        first, last = one.asked.first_id, one.asked.last_id
        ids = [*(each.trade_id for each in message.trades)]
        ids += [each.trade_id for each in message.quarantined if each.trade_id is not None]
        found = [number for number in ids if first <= number <= last]
        if found:
            self._sought[key] = _Sought(brought=max(found))
        elif any(low <= last <= high for low, high in message.absent):
            del self._sought[key]
        else:
            return
        self._ask_at = now

"""The market's clock: the time of the newest trades, carried on by a clock that only goes forward.

Pure. A replay of last year closes its candles as last year's clock would. One trade alone never
moves it more than a minute ahead: a wrong time that is still plausible (a day ahead) would close
every candle that is running. Only a later trade that is not earlier confirms the jump.
"""

from collections.abc import Sequence

JUMP_US = 60_000_000


class MarketClock:
    """The time of one exchange's market, µs UTC.

    Args:
        newest: the time of its newest trade, 0 when there is none.
    """

    def __init__(self, newest: int = 0) -> None:
        self.newest = newest
        self._at: int | None = None
        self._sure = newest > 0
        self._doubtful: int | None = None

    def now(self, mono: int) -> int:
        """Return the market's time at a moment of the forward clock; 0 before the first trade."""
        return self.newest + (mono - self._at if self._at is not None else 0)

    def start(self, mono: int) -> None:
        """Let it go on from now, if it has stood still since it was made."""
        if self.newest and self._at is None:
            self._at = mono

    def saw(self, times: Sequence[int], mono: int) -> None:
        """Take the times of trades in the order in which they came."""
        top = max(times)
        if self._sure and top <= self.now(mono) + JUMP_US:
            if top > self.newest:
                self._set(top, mono)
            return
        for ts in times:
            self._saw_one(ts, mono)

    def _saw_one(self, ts: int, mono: int) -> None:
        if not self._sure:  # of the first two the later one to come is believed
            self._sure = self.newest > 0 and abs(ts - self.newest) <= JUMP_US
            self._set(max(ts, self.newest) if self._sure else ts, mono)
        elif ts <= self.newest:
            return
        elif ts <= self.now(mono) + JUMP_US:
            self._set(ts, mono)
        elif self._doubtful is not None and ts >= self._doubtful:
            self._set(self._doubtful, mono)
            self._doubtful = None
            self._saw_one(ts, mono)
        else:
            self._doubtful = ts

    def _set(self, ts: int, mono: int) -> None:
        self.newest, self._at = ts, mono

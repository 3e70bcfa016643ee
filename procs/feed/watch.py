"""Telling a quiet market from a dead feed. Pure: fed with what arrived and when.

Three different silences, three different answers:

* no byte at all, not even a pong: the connection is dead (``Silence``);
* the connection lives, but one symbol is silent although its exchange says that newer trades exist,
  or although it usually trades many times in such a span: that symbol is subscribed anew;
* a symbol is silent and nothing says otherwise: an illiquid market, left alone.

All times are µs of a clock that only goes forward, but for ``last_recv`` (µs UTC), which is shown.
"""

from collections import deque
from typing import Literal

from bus.messages import SymbolStatus

PING_AFTER_US = 4_000_000
DEAD_AFTER_US = 8_000_000
RESUBSCRIBE_EVERY_US = 60_000_000
BEHIND_US = 5_000_000
"""How long the exchange may say that there is a newer trade before we believe that we miss it."""
EXPECTED_TRADES = 20
"""So many trades would usually have come in the silence: then the silence is not the market's."""
RATE_SPAN_S = 300.0
"""Seconds over which a symbol's usual rate is averaged."""
LAGS_KEPT = 500
"""Trades whose lag is kept, one for each wake of the loop."""
NEVER = -(1 << 62)


class Silence:
    """How long a connection has been without a byte."""

    def __init__(self, now: int) -> None:
        self._heard = now
        self._pinged = NEVER

    def heard(self, now: int) -> None:
        """Bytes came."""
        self._heard = now

    def should_ping(self, now: int) -> bool:
        """Return True once for each silence long enough to ask whether anybody is there."""
        if now - self._heard < PING_AFTER_US or self._pinged > self._heard:
            return False
        self._pinged = now
        return True

    def dead(self, now: int) -> bool:
        """Return True when the ping was not answered."""
        return now - self._heard >= DEAD_AFTER_US


class SymbolWatch:
    """One symbol's liveness."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.trades = 0
        self.duplicates = 0
        self.quarantined = 0
        self._lags: deque[int] = deque(maxlen=LAGS_KEPT)
        self.last_recv: int | None = None
        self._heard = NEVER
        self._streamed = -1
        """The newest id that came by the stream: what was fetched shows no live stream."""
        self._rate = 0.0
        self._counted = 0
        self._behind_since: int | None = None
        self._asked = NEVER

    def traded(self, count: int, wall: int, mono: int) -> None:
        """Trades of the symbol came."""
        self.trades += count
        self.last_recv = wall
        self._heard = mono
        self._behind_since = None

    def lagged(self, lag_us: int) -> None:
        """A trade was received so long after it happened."""
        self._lags.append(lag_us)

    def streamed(self, trade_id: int) -> None:
        """The stream brought a trade, be it one that was had before."""
        self._streamed = max(self._streamed, trade_id)

    def beat(self, theirs: int, mono: int) -> None:
        """The exchange says that ``theirs`` is its newest trade id."""
        if self._streamed >= theirs:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = mono

    def second(self) -> None:
        """A second has passed: go on averaging the rate. A silence does not lower it to nothing."""
        count, self._counted = self.trades - self._counted, self.trades
        weight = 1 / RATE_SPAN_S if count else 0.1 / RATE_SPAN_S
        self._rate += weight * (count - self._rate)

    def resumed(self) -> None:
        """The symbol was not subscribed for a while: what it was like before says nothing."""
        self._heard, self._rate, self._counted = NEVER, 0.0, self.trades
        self._behind_since = None

    def should_flow(self, mono: int) -> bool:
        """Return True when there should be newer trades than we have."""
        if self._behind_since is not None and mono - self._behind_since > BEHIND_US:
            return True
        return self._heard > NEVER and (mono - self._heard) / 1e6 * self._rate > EXPECTED_TRADES

    def should_resubscribe(self, mono: int, stale_after_us: int) -> bool:
        """Return True, at most once a minute, when only a new subscription can help."""
        if mono - self._asked < RESUBSCRIBE_EVERY_US or not self.should_flow(mono):
            return False
        if self._heard > NEVER and mono - self._heard < stale_after_us:
            return False
        self._asked = mono
        return True

    def status(
        self, mono: int, stale_after_us: int, *, connected: bool, had: bool = False
    ) -> SymbolStatus:
        """Return what is to be said of the symbol; ``had``: it has had trades before."""
        state: Literal["never received", "live", "quiet", "stale"] = "never received"
        if had or self.last_recv is not None:
            dead = not connected or self.should_flow(mono)
            state = "stale" if dead else "quiet"
            if mono - self._heard <= stale_after_us:
                state = "live"
        lags = sorted(self._lags)
        return SymbolStatus(
            self.symbol,
            state,
            self.last_recv,
            self.trades,
            duplicates=self.duplicates,
            quarantined=self.quarantined,
            lag_p50_us=lags[len(lags) // 2] if lags else None,
            lag_p99_us=lags[len(lags) * 99 // 100] if lags else None,
        )

"""One exchange's own minutes, for the part of the last 24 hours in which we stored no trades. Pure.

An exchange's candle has no sums over its trades: as a ``Candle`` it counts as one trade, and
whatever is made of it knows price and volume, but neither average nor turnover.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bus.messages import Candle, HistoryCandle

_ZERO = Decimal(0)
Minutes = Mapping[int, Candle]
"""By ``ts_open``, µs UTC."""


class Before:
    """The minutes that one exchange has published, by symbol."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[int, Candle]] = {}

    def take(self, symbol: str, candles: Iterable[HistoryCandle]) -> None:
        """Take 1m candles."""
        mine = self._minutes.setdefault(symbol, {})
        for one in candles:
            key = (0, one.ts_open)
            opened, close = Decimal(one.open), Decimal(one.close)
            high, low, volume = Decimal(one.high), Decimal(one.low), Decimal(one.volume)
            mine[one.ts_open] = Candle(1, opened, key, high, low, close, key, volume, _ZERO, _ZERO)

    def join(self, other: "Before") -> None:
        """Take what another one has."""
        for symbol, minutes in other._minutes.items():
            self._minutes[symbol] = minutes | self._minutes.get(symbol, {})

    def beside(self, symbol: str, own: Minutes, first: int | None) -> Minutes:
        """Return the minutes of which we have no trades, or not all: those up to ``first``."""
        return {
            ts_open: made
            for ts_open, made in self._minutes.get(symbol, {}).items()
            if ts_open not in own or ts_open == first
        }

    def forget(self, oldest: int) -> None:
        """Forget what opened before ``oldest``."""
        for symbol, minutes in self._minutes.items():
            kept = {ts_open: made for ts_open, made in minutes.items() if ts_open >= oldest}
            self._minutes[symbol] = kept

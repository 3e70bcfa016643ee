"""The last 24 hours of each symbol of a market, as an exchange tells them beside a price."""

from procs.simulator.market import Market


class Days:
    """The last 24 hours of each symbol, as texts, calculated once a minute."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._found: dict[str, tuple[int, tuple[str, str, str, str]]] = {}

    def texts(self, native: str, now: int) -> tuple[str, str, str, str]:
        """Return (open, volume, low, high)."""
        minute = now // 60_000_000
        known = self._found.get(native)
        if known is None or known[0] != minute:
            known = self._found[native] = minute, self._calculate(native, minute * 60_000_000)
        return known[1]

    def _calculate(self, native: str, end: int) -> tuple[str, str, str, str]:
        listing = self._market.listings[native]
        bars = list(self._market.bars(native, 3600, end - 86_400_000_000, end))
        if not bars:
            return "0", "0", "0", "0"
        return (
            listing.price_text(bars[0].open),
            listing.size_text(sum(bar.volume for bar in bars)),
            listing.price_text(min(bar.low for bar in bars)),
            listing.price_text(max(bar.high for bar in bars)),
        )

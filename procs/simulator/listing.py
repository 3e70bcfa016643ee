"""What a simulated exchange lists: each symbol's price level, grid and text form.

In comes a symbol such as ``ETH-BTC``, out goes a ``Listing``. Prices and sizes are integers
(units of the last decimal) until they are written; the written text is what the exchange would
write. Pure.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction

USD_PRICES = {
    "USD": "1", "USDT": "1", "USDC": "1", "FDUSD": "1", "TUSD": "1", "DAI": "1",
    "EUR": "1.17", "GBP": "1.35", "TRY": "0.024",
    "BTC": "77000", "ETH": "2900", "SOL": "180", "XRP": "2.2", "DOGE": "0.19", "BNB": "650",
    "ADA": "0.55", "LTC": "95", "AVAX": "18", "DOT": "3.5", "LINK": "14", "POL": "0.25",
    "TRX": "0.3", "BCH": "450", "XLM": "0.26", "UNI": "7", "ATOM": "4.2", "SHIB": "0.000012",
}  # fmt: skip
"""Price level of what is known, US dollars. Anything else gets one from a hash of its name."""

QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "USD")
"""What a symbol that is spelled in one word may end with, the longest first."""


@dataclass(frozen=True)
class Grid:
    """How an exchange writes numbers of a symbol."""

    price_decimals: int
    """Decimals of the tick size, ≥ 1."""
    size_decimals: int
    """Decimals of the smallest size, ≥ 1."""
    written_decimals: int = 0
    """Decimals that are always written, zeros appended; 0: those of the grid."""


class Listing:
    """One symbol of one exchange.

    Args:
        exchange: such as ``binance``.
        symbol: such as ``ETH-USDT``.
        native: how the exchange spells it.
        grid: decimals of price and size.
        time_unit_us: times are a multiple of this many µs (Binance writes milliseconds).
    """

    def __init__(
        self, exchange: str, symbol: str, native: str, grid: Grid, time_unit_us: int = 1
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.native = native
        self.grid = grid
        self.time_unit_us = time_unit_us
        self.base, _, self.quote = symbol.partition("-")
        self.price_unit: int = 10**grid.price_decimals
        self.size_unit: int = 10**grid.size_decimals
        self.price_format = _format(grid.price_decimals, grid.written_decimals)
        self.size_format = _format(grid.size_decimals, grid.written_decimals)

    @property
    def name(self) -> str:
        """The symbol with its exchange: ``binance:ETH-USDT``."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def tick_size(self) -> str:
        """The smallest step of the price, as text."""
        return self.price_text(1)

    @property
    def step_size(self) -> str:
        """The smallest step of the size, as text."""
        return self.size_text(1)

    def price_text(self, ticks: int) -> str:
        """Return a price of so many ticks as the exchange writes it."""
        return self.price_format % divmod(ticks, self.price_unit)

    def size_text(self, steps: int) -> str:
        """Return a size of so many steps as the exchange writes it."""
        return self.size_format % divmod(steps, self.size_unit)


def _format(decimals: int, written: int) -> str:
    return f"%d.%0{decimals}d" + "0" * max(0, written - decimals)


def dashed(native: str) -> str | None:
    """Return ``BTC-USDT`` for ``BTCUSDT``; None where it ends with no quote that is known."""
    for quote in QUOTES:
        if native.endswith(quote) and native != quote:
            return f"{native.removesuffix(quote)}-{quote}"
    return None


def usd_price(asset: str) -> Fraction:
    """Return the price level of an asset in US dollars; an unknown one costs 20 to 520."""
    known = USD_PRICES.get(asset)
    if known is not None:
        return Fraction(known)
    digest = hashlib.blake2b(asset.encode(), digest_size=8).digest()
    return Fraction(2000 + int.from_bytes(digest, "big") % 50_000, 100)


def price_level(symbol: str) -> Fraction:
    """Return the price level of a symbol, in units of its quote."""
    base, _, quote = symbol.partition("-")
    return usd_price(base) / usd_price(quote)


def price_decimals(level: Fraction) -> int:
    """Return the decimals of the tick size that suit a price level."""
    for least, decimals in ((10, 2), (1, 4), (Fraction(1, 100), 5)):
        if level >= least:
            return decimals
    return 8


def size_decimals(base: str) -> int:
    """Return the decimals of the smallest size, so that a step is worth a dollar or less."""
    level = usd_price(base)
    for least, decimals in ((10_000, 5), (1000, 4), (50, 3), (5, 2)):
        if level >= least:
            return decimals
    return 1

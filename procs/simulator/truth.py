"""What happens on the simulated market: trade i of a symbol as a function of (seed, symbol, i).

In come integers, out come integers: no clock, no state, no file. The price is a smooth path over
time (a sum of sines with periods from 41 s to 53 days, the same on all exchanges for one base and
kind of quote) plus noise that belongs to the trade. Any trade is reached in constant time.
Candles of the past follow the same path; they are an exchange's own published history, not sums
over trades.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from procs.simulator.listing import Listing, price_level, usd_price

MASK = (1 << 64) - 1
_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_STEPS = 1 << 14
_SINES = tuple(round(math.sin(2 * math.pi * i / _STEPS) * (1 << 20)) for i in range(_STEPS))
_WAVES = (
    (41, 0.0003),
    (13 * 60, 0.0015),
    (3 * 3600 + 400, 0.006),
    (2 * 86_400 + 60_000, 0.03),
    (53 * 86_400, 0.12),
)
"""(period in s, amplitude as a part of the price level)."""
_DOLLARS = {"USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI"}
_LARGEST_TRADE_USD = 20_000
HISTORY_S = {60: 31 * 86_400, 3600: 31 * 86_400, 86_400: 400 * 86_400}
"""How far back candles go, seconds, by their interval."""


def mix(value: int) -> int:
    """Return 64 well-mixed bits of an integer (the finaliser of splitmix64)."""
    value &= MASK
    value = ((value ^ (value >> 30)) * _MIX_1) & MASK
    value = ((value ^ (value >> 27)) * _MIX_2) & MASK
    return value ^ (value >> 31)


def key_of(*parts: object) -> int:
    """Return 64 bits that belong to a name."""
    text = ":".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Draw(NamedTuple):
    """One trade, in the listing's units."""

    price: int
    size: int
    taker_buys: bool
    bits: int
    """64 bits of this trade, for what else it needs (order ids)."""


class Bar(NamedTuple):
    """A published candle, in the listing's units."""

    ts_open: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    n: int


class Truth:
    """The trades of one symbol.

    Args:
        seed: of the whole simulation.
        listing: the symbol.
        trades_per_s: its rate, only for the volume of history candles.
    """

    def __init__(self, seed: int, listing: Listing, trades_per_s: float = 1.0) -> None:
        self.listing = listing
        self._key = key_of(seed, "trade", listing.name)
        self._per_minute = max(1, round(trades_per_s * 60))
        self._base = max(10, round(price_level(listing.symbol) * listing.price_unit))
        quote = "USD" if listing.quote in _DOLLARS else listing.quote
        path = key_of(seed, "path", f"{listing.base}-{quote}")
        self._waves = tuple(
            (
                period_s * 1_000_000 // _STEPS,
                mix(path + index) % _STEPS,
                max(1, round(part * self._base)),
            )
            for index, (period_s, part) in enumerate(_WAVES)
        )
        self._noise = max(1, self._base // 100_000)
        largest = _LARGEST_TRADE_USD / usd_price(listing.base) * listing.size_unit
        self._largest = max(128, round(largest))
        self.draw = self._drawing()

    def mid(self, ts: int) -> int:
        """Return the middle of the market at ``ts`` (µs UTC), in ticks."""
        total = 0
        for step, phase, amplitude in self._waves:
            total += amplitude * _SINES[(ts // step + phase) % _STEPS]
        return self._base + (total >> 20)

    def _drawing(self) -> Callable[[int, int], Draw]:
        """Return ``draw(trade_id, ts)``: the hot function, with all it needs in local names."""
        key, noise, largest, base = self._key, self._noise, self._largest, self._base
        (s0, p0, a0), (s1, p1, a1), (s2, p2, a2), (s3, p3, a3), (s4, p4, a4) = self._waves
        sines, wrap, new = _SINES, _STEPS - 1, tuple.__new__

        def draw(trade_id: int, ts: int) -> Draw:
            """Return trade ``trade_id``, which happens at ``ts`` (µs UTC)."""
            bits = (trade_id * _GOLDEN + key) & MASK
            bits = ((bits ^ (bits >> 30)) * _MIX_1) & MASK
            bits = ((bits ^ (bits >> 27)) * _MIX_2) & MASK
            bits ^= bits >> 31
            path = (
                a0 * sines[(ts // s0 + p0) & wrap]
                + a1 * sines[(ts // s1 + p1) & wrap]
                + a2 * sines[(ts // s2 + p2) & wrap]
                + a3 * sines[(ts // s3 + p3) & wrap]
                + a4 * sines[(ts // s4 + p4) & wrap]
            )
            away = 1 + ((bits >> 1 & 0xFF) * noise >> 8)
            buys = bits & 1 == 1
            price = base + (path >> 20) + (away if buys else -away)
            size = 1 + (largest * (1 + (bits >> 9 & 0x3FF)) >> 10 + (bits >> 19 & 7))
            return new(Draw, (price, size, buys, bits))

        return draw

    def bars(self, interval_s: int, start: int, end: int) -> Iterator[Bar]:
        """Yield the candles that open in [``start``, ``end``) (µs UTC), oldest first.

        ``interval_s`` is a multiple of 60. A candle of up to an hour is made of its minutes, a
        longer one of its quarters of an hour.
        """
        step = interval_s * 1_000_000
        piece_s = 60 if interval_s <= 3600 else 900
        offsets = range(0, step, piece_s * 1_000_000)
        for ts_open in range(-(-start // step) * step, end, step):
            yield _merged([self._piece(ts_open + offset, piece_s) for offset in offsets])

    def _piece(self, ts_open: int, length_s: int) -> Bar:
        first, last = self.mid(ts_open), self.mid(ts_open + length_s * 1_000_000 - 1)
        bits = mix(self._key ^ ts_open)
        n = max(1, self._per_minute * length_s // 60)
        return Bar(
            ts_open,
            first,
            max(first, last) + 1 + ((bits & 0xFF) * self._noise >> 7),
            min(first, last) - 1 - ((bits >> 8 & 0xFF) * self._noise >> 7),
            last,
            max(1, n * self._largest * (128 + (bits >> 16 & 0xFF)) >> 11),
            n,
        )


def _merged(bars: list[Bar]) -> Bar:
    return Bar(
        bars[0].ts_open,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.n for bar in bars),
    )

"""Faults on demand: what happens to the frame of a trade on its way out, decided by the seed.

In comes a number that belongs to the trade, out goes the fate of its frame. The truth never
changes: a dropped trade has happened. Pure.
"""

from collections.abc import Callable
from typing import NamedTuple

from bus.errors import SettingError
from procs.simulator.truth import mix

STALL_EVERY_S = 60
STALL_FIRST_AFTER_S = 10
_SCALE = 1 << 16
GARBAGE = (
    "{",
    '{"type":"match","trade_id":',
    "null",
    "[]",
    "42",
    "not json at all",
    '{"type":"match","trade_id":"x","price":{},"size":[],"product_id":7,"time":false}',
    '{"stream":"btcusdt@trade","data":{"e":"trade","s":null,"t":-1,"p":1e999,"q":"","T":"x"}}',
    '{"type":"something_new","product_id":"BTC-USD"}',
    '{"e":"somethingNew","s":"BTCUSDT"}',
    "[" * 500 + "]" * 500,
    '{"a":"' + "x" * 3000 + '"}',
)
"""What a client must survive. None carries the id of a real trade."""
YEAR_US = 366 * 86_400_000_000
SPOILS: tuple[str | int, ...] = (
    "NaN",
    "Infinity",
    "0.00",
    "-1",
    "1e999",
    "1" * 30,
    "0." + "1" * 30,
    YEAR_US,
    -YEAR_US,
)
"""What a trade's frame may say instead: a price, or a time so many µs away."""


class Fate(NamedTuple):
    """What becomes of one frame."""

    copies: int
    """0 dropped, 1, 2 doubled."""
    delay_us: int
    garbage: str | None
    """Sent before it."""
    spoil: str | int | None = None
    """The price that it has instead of its own; a number: the µs by which its time is wrong."""


class Faults(NamedTuple):
    """The faults of a run. All zero: none."""

    drop: float = 0.0
    """Part of the trades that are not sent."""
    dup: float = 0.0
    """Part of the trades that are sent twice."""
    reorder: float = 0.0
    """ms: every frame is held back for a random time below this."""
    garbage: float = 0.0
    """Part of the trades that have a bad frame before them."""
    disconnect: float = 0.0
    """s after which every connection is cut without a word."""
    stall: float = 0.0
    """s of silence, ``STALL_FIRST_AFTER_S`` after each connect and then every ``STALL_EVERY_S``."""
    badprice: float = 0.0
    """Part of the trades that are sent with a price or a time that nobody may believe."""

    @property
    def touch_frames(self) -> bool:
        """True when single frames have a fate at all."""
        return any((self.drop, self.dup, self.reorder, self.garbage, self.badprice))

    def fate(self, number: int) -> Fate:
        """Return the fate of the frame whose trade has this 64-bit number."""
        bits = mix(number)
        copies = 1
        if (bits & 0xFFFF) < self.drop * _SCALE:
            copies = 0
        elif (bits >> 16 & 0xFFFF) < self.dup * _SCALE:
            copies = 2
        garbage = None
        if (bits >> 32 & 0xFFFF) < self.garbage * _SCALE:
            garbage = GARBAGE[mix(bits) % len(GARBAGE)]
        spoil = None
        if self.badprice and ((more := mix(~bits)) & 0xFFFF) < self.badprice * _SCALE:
            spoil = SPOILS[(more >> 16) % len(SPOILS)]
        return Fate(copies, int((bits >> 48) * self.reorder * 1000) >> 16, garbage, spoil)

    def silent(self, age_s: float) -> bool:
        """True while a connection of this age is stalled."""
        if not self.stall or age_s < STALL_FIRST_AFTER_S:
            return False
        return (age_s - STALL_FIRST_AFTER_S) % max(STALL_EVERY_S, self.stall * 2) < self.stall


def _part(value: float) -> bool:
    return 0 <= value <= 1


_ALLOWED: dict[str, tuple[Callable[[float], bool], str]] = {
    "drop": (_part, "a part from 0 to 1"),
    "dup": (_part, "a part from 0 to 1"),
    "garbage": (_part, "a part from 0 to 1"),
    "badprice": (_part, "a part from 0 to 1"),
    "reorder": (lambda ms: 0 <= ms <= 60_000, "milliseconds up to 60000"),
    "disconnect": (lambda s: s == 0 or 1 <= s <= 86_400, "seconds from 1 to 86400"),
    "stall": (lambda s: 0 <= s <= 3600, "seconds up to 3600"),
}


def parse(text: str) -> Faults:
    """Return the faults in a text like ``drop=0.01,dup=0.01,reorder=50``.

    Raises:
        SettingError: an unknown fault, or a value out of bounds.
    """
    values: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in _ALLOWED:
            raise SettingError("--faults", repr(part), f"name one of {', '.join(_ALLOWED)}")
        accepts, what = _ALLOWED[name]
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not accepts(number):
            raise SettingError("--faults", repr(part), f"give {name} as {what}")
        values[name] = number
    return Faults(**values)

"""Faults on demand: what happens to the frame of a trade on its way out, decided by the seed.

In comes a number that belongs to the trade, out goes the fate of its frame; the same for an answer
of the REST interface. The truth never changes: a dropped trade has happened. Pure, apart from
``Switch``, which holds the faults of now.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from bus.errors import SettingError
from procs.simulator.truth import mix

STALL_EVERY_S = 60
STALL_FIRST_AFTER_S = 10
_SCALE = 1 << 16
_FINE_SCALE = 1 << 32
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
    '{"type":"trade","data":[{"c":null,"p":"x","s":7,"t":1e99,"v":[]}]}',
    '{"channel":"trade","type":"update","data":{"symbol":[]}}',
    "[" * 500 + "]" * 500,
    "[" * 100_000,
    '{"a":' * 20_000 + "1" + "}" * 20_000,
    '{"a":"' + "x" * 3000 + '"}',
)
"""What a client must survive. None carries the id of a real trade."""
HUGE_BYTES = 10 << 20
"""Of the message that is longer than any client should take."""
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
SILENCE = 0
"""In place of an HTTP status: no answer for a while."""
REST_FAILURES = (429, 418, 500, 503, SILENCE)
_CUT_SALT, _HUGE_SALT, _REST_SALT = 0xC0, 0x10AD, 0x4E57


class Fate(NamedTuple):
    """What becomes of one frame."""

    copies: int
    """0 dropped, 1, 2 or 3."""
    delay_us: int
    garbage: str | None
    """Sent before it."""
    spoil: str | int | None = None
    """The price that it has instead of its own; a number: the µs by which its time is wrong."""
    cut: bool = False
    """Half of it is sent, and the connection ends."""


class Faults(NamedTuple):
    """The faults of a run. All zero: none."""

    drop: float = 0.0
    """Part of the trades that are not sent."""
    dup: float = 0.0
    """Part of the trades that are sent twice or, every other time, three times."""
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
    huge: float = 0.0
    """Part of the trades that have a message of ``HUGE_BYTES`` before them."""
    cut: float = 0.0
    """Part of the trades in the middle of whose frame the connection is closed."""
    rest_fail: float = 0.0
    """Part of the REST answers that fail in one of the ways of ``REST_FAILURES``."""

    @property
    def touch_frames(self) -> bool:
        """True when single frames have a fate at all."""
        return any(
            (self.drop, self.dup, self.reorder, self.garbage, self.badprice, self.huge, self.cut)
        )

    def fate(self, number: int) -> Fate:
        """Return the fate of the frame whose trade has this 64-bit number."""
        bits = mix(number)
        copies = 1
        if (bits & 0xFFFF) < self.drop * _SCALE:
            copies = 0
        elif (bits >> 16 & 0xFFFF) < self.dup * _SCALE:
            copies = 2 + (mix(bits) >> 63)
        garbage = None
        if (bits >> 32 & 0xFFFF) < self.garbage * _SCALE:
            garbage = GARBAGE[mix(bits) % len(GARBAGE)]
        if _chosen(bits, _HUGE_SALT, self.huge):
            garbage = _huge()
        spoil = None
        if self.badprice and ((more := mix(~bits)) & 0xFFFF) < self.badprice * _SCALE:
            spoil = SPOILS[(more >> 16) % len(SPOILS)]
        delay_us = int((bits >> 48) * self.reorder * 1000) >> 16
        return Fate(copies, delay_us, garbage, spoil, _chosen(bits, _CUT_SALT, self.cut))

    def rest_failure(self, number: int) -> int | None:
        """Return one of ``REST_FAILURES`` for the request of this number; None: it is answered."""
        bits = mix(number)
        if not _chosen(bits, _REST_SALT, self.rest_fail):
            return None
        return REST_FAILURES[mix(bits) % len(REST_FAILURES)]

    def silent(self, age_s: float) -> bool:
        """True while a connection of this age is stalled."""
        if not self.stall or age_s < STALL_FIRST_AFTER_S:
            return False
        return (age_s - STALL_FIRST_AFTER_S) % max(STALL_EVERY_S, self.stall * 2) < self.stall


class Switch:
    """The faults of now: who sends or answers looks here each time.

    Args:
        faults: those of the start.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults


@cache
def _huge() -> str:
    return '{"a":"' + "x" * HUGE_BYTES + '"}'


def _chosen(bits: int, salt: int, part: float) -> bool:
    """Return whether a number is among that part of all, independently of other salts."""
    return part > 0 and (mix(bits ^ salt) & _FINE_SCALE - 1) < part * _FINE_SCALE


def _part(value: float) -> bool:
    return 0 <= value <= 1


_PART = (_part, "a part from 0 to 1")
_ALLOWED: dict[str, tuple[Callable[[float], bool], str]] = {
    "drop": _PART,
    "dup": _PART,
    "garbage": _PART,
    "badprice": _PART,
    "huge": _PART,
    "cut": _PART,
    "rest_fail": _PART,
    "reorder": (lambda ms: 0 <= ms <= 60_000, "milliseconds up to 60000"),
    "disconnect": (lambda s: s == 0 or 1 <= s <= 86_400, "seconds from 1 to 86400"),
    "stall": (lambda s: 0 <= s <= 3600, "seconds up to 3600"),
}


def changed(faults: Faults, given: Iterable[tuple[str, str]], key: str) -> Faults:
    """Return the faults with those named set to the texts given; the others stay.

    ``key`` is how they were asked for, for who is to be told of a wrong one.

    Raises:
        SettingError: an unknown fault, or a value out of bounds.
    """
    values: dict[str, float] = {}
    for name, value in given:
        said = repr(f"{name}={value}")
        if name not in _ALLOWED:
            raise SettingError(key, said, f"name one of {', '.join(_ALLOWED)}")
        accepts, what = _ALLOWED[name]
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not accepts(number):
            raise SettingError(key, said, f"give {name} as {what}")
        values[name] = number
    return faults._replace(**values)


def parse(text: str) -> Faults:
    """Return the faults in a text like ``drop=0.01,dup=0.01,reorder=50``.

    Raises:
        SettingError: an unknown fault, or a value out of bounds.
    """
    parts = (part.strip().partition("=") for part in text.split(",") if part.strip())
    return changed(Faults(), ((name, value) for name, _, value in parts), "--faults")

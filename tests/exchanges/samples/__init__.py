"""Frames of each exchange, made by hand: one file for each, named as the exchange's own.

A file offers what ``Sample`` lists, written down without any of the code that it tests. An exchange
need not have one: they are for what its recordings do not show.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from bus.messages import HistoryCandle, Side, Trade
from procs.feed.exchanges import Listing

Read = tuple[str, int, int, str, str | None, Side | None]
"""(symbol, trade_id, ts_event, price, size, the taker's side)."""


class RealRecording(NamedTuple):
    """A file below RECORDINGS_DIR, the symbols to ask for, and how many trades of them it holds."""

    path: str
    symbols: tuple[str, ...]
    trades: int


OTHERWISE: dict[str, object] = {"numbers": False, "options": {}, "listed": (b"", None)}
"""What a file need not say."""


class Sample:
    """What is known of an exchange's frames."""

    numbers: bool
    """Whether prices and sizes are JSON numbers in its frames; else they are texts."""
    options: Mapping[str, str]
    """What it is configured with."""
    symbols: tuple[str, ...]
    trade: Callable[[str, str], bytes]
    """Return a trade's frame with this price and size (the JSON text of the values)."""
    expected: Trade
    """What ``trade('"12.50"', '"0.001"')`` says, received at 7."""
    silent: tuple[bytes, ...]
    """Frames that say nothing to us."""
    refused: tuple[bytes, ...]
    """Frames that answer a request of ours with an error."""
    unknown: tuple[bytes, ...]
    """Frames that are none of ours: of channels or symbols not asked for."""
    clock: tuple[bytes, int]
    """An answer of the exchange's clock, and its time."""
    listed: tuple[bytes, Listing]
    """An answer, with HTTP 200, to what the exchange lists, and what it says."""
    unlisted: tuple[int, bytes]
    """HTTP status and body of the answer for a symbol that it does not list."""
    row: Callable[[str, str], bytes]
    """Return that trade as it stands in a page, with this price and size (as in ``trade``)."""
    page: Callable[..., bytes]
    """Return a page of these rows."""
    candles: tuple[bytes, list[HistoryCandle]]
    """An answer with candles of a minute, where it publishes them, and what they are."""
    recordings: tuple[RealRecording, ...]
    read: Callable[[bytes], Read | list[Read] | None]
    """Return the trade or trades in a recorded frame, whosever they are, by ``json`` alone."""


def names() -> list[str]:
    """Return the names of the exchanges that have a file here."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def sample(name: str) -> Sample:
    """Return what is known of an exchange.

    Raises:
        ModuleNotFoundError: it has no file here.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    for key, value in OTHERWISE.items():
        vars(module).setdefault(key, value)
    return cast(Sample, module)


def trades_in(known: Sample, frame: bytes) -> list[Read]:
    """Return the trades in a recorded frame, one or many or none."""
    found = known.read(frame) or []
    return found if isinstance(found, list) else [found]

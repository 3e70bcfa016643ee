"""The one table of sockets.

Who binds, who connects, how much may wait, and what happens when that is full.

The stable side binds. All of it is ``ipc://`` in the installation's run folder, but for the tap. A
process publishes everything it has to say on one socket, ``<program>.pub``; a subscriber finds the
publishers by listing that folder, so that a new program needs no entry here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Wire:
    """One kind of connection between processes."""

    name: str
    binds: Literal["PUB", "XPUB", "PULL"]
    connects: Literal["SUB", "PUSH"]
    hwm: int
    """Messages that may wait, on each side, for each peer."""
    when_full: str
    size_max: int = 8 << 20
    """Bytes of the largest message that is accepted."""


OUT = Wire(
    "pub",
    "PUB",
    "SUB",
    5_000,
    "dropped for that subscriber, who sees the hole in seq and reads the journal",
)
STREAM = Wire(
    "pub",
    "XPUB",
    "SUB",
    5_000,
    "dropped for that subscriber; a newer value replaces what it missed",
)
BATCHES = Wire(
    "pull",
    "PULL",
    "PUSH",
    5_000,
    "not sent; the persister reads the journal instead, and asks again for candles",
)
WANTED = Wire("pull", "PULL", "PUSH", 100, "not sent; who wants it asks again by a timer")
RECOVERED = Wire("pull", "PULL", "PUSH", 1_000, "not sent; the feed asks for it again")
TAP = Wire(
    "tap",
    "XPUB",
    "SUB",
    5_000,
    "dropped for that subscriber, who sees the hole in seq",
    size_max=512,  # a subscription, or a step of the CURVE handshake
)


def endpoint(run_dir: Path, program: str, wire: Wire) -> str:
    """Return the address that ``program`` binds for ``wire``."""
    return f"ipc://{run_dir}/{program}.{wire.name}"

"""What is said to a load process and what it answers: one line of JSON each. Pure."""

import msgspec

from bench.load.dialects import Dialect
from bench.load.tally import Tally


class Open(msgspec.Struct, tag="open"):
    """Connect so many clients; answered with ``Opened`` when all are live."""

    port: int
    count: int
    dialect: Dialect
    sources: tuple[str, ...] = ("127.0.0.1",)
    """Addresses to connect from, in turn: one has 28,000 ports to one destination."""
    subscriptions: list[list[str]] = []
    """What the clients say beside what their dialect says: the first the first, and around."""
    sampled_every: int = 16
    """Of so many clients one is read the moment that something comes, and timed."""
    sweep_s: float = 0.5
    """The others are read once in so long, which costs them less and the server nothing."""
    checked: bool = False
    """Follow what each client sees (``checks``): only tickwire's frames can be."""
    returning_s: float = 0.0
    """A lost client comes back after a chance of up to so long; 0: it stays away."""
    compressed: bool = False
    """Ask for compressed frames; the clients that are read at once unpack them."""
    receive_bytes: int = 0
    """Size of each socket's receive buffer; 0: the system's choice."""
    within_s: float = 120.0


class Begin(msgspec.Struct, tag="begin"):
    """Count from now on; answered with ``Began``."""


class Count(msgspec.Struct, tag="count"):
    """Tell what has been counted since ``Begin``; answered with ``Counted``. Counting goes on."""


class Compare(msgspec.Struct, tag="compare"):
    """Compare each client's last values with a ``snapshot`` frame; answered with ``Compared``."""

    snapshot: str


class Stall(msgspec.Struct, tag="stall"):
    """Stop reading, for good; answered with ``Began``."""


Command = Open | Begin | Count | Compare | Stall


class Opened(msgspec.Struct, tag="opened"):
    """All are live, after so many seconds; ``refused`` counts tries that had to be repeated."""

    live: int
    seconds: float
    refused: int


class Began(msgspec.Struct, tag="began"):
    """It does."""


class Counted(msgspec.Struct, tag="counted"):
    """What was counted since ``Begin``; ``live`` are connected now."""

    tally: Tally
    live: int


class Compared(msgspec.Struct, tag="compared"):
    """How many clients differ, of how many, and in what the first does."""

    clients: int
    different: int
    sentences: list[str]


class Failed(msgspec.Struct, tag="failed"):
    """It could not be done; the process ends."""

    sentence: str


Answer = Opened | Began | Counted | Compared | Failed

"""The seam between the simulator and one exchange's protocol (``exchanges/<name>.py``).

A ``Session`` is one WebSocket connection's side of the conversation: client text in, server text
out, and the streams subscribed to. Generic code never names an exchange.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from starlette.routing import BaseRoute

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market
from procs.simulator.truth import Truth

Render = Callable[[int, int], str]
"""(trade id, its time in µs UTC) → the frame, header and text, as ``wire.framed`` has it."""


class Session(Protocol):
    """One connection. ``position`` (see ``market``) is how far the client has been served."""

    streams: set[str]
    """What is subscribed to, in the exchange's own words."""

    def receive(self, text: str, position: int) -> list[str]:
        """Take one message of the client; return the answers."""

    def each_second(self, position: int) -> list[str]:
        """Return what the exchange sends once a second."""

    def renderers(self, native: str, truth: Truth) -> tuple[Render, ...]:
        """Return what makes this connection's frames of each trade of a symbol."""

    def as_sent(self, text: str) -> str:
        """Return a recorded frame in the form that this connection has asked for."""

    def farewell(self, now: int) -> list[str]:
        """Return what the exchange sends before maintenance (``now``: µs UTC)."""


class Exchange(Protocol):
    """What one exchange speaks."""

    name: str
    subscribe_within_s: float | None
    """A connection without a subscription is cut after this long."""
    lifetime_s: float | None
    """Every connection is cut after this long."""

    def listing(self, symbol: str) -> Listing:
        """Return what the exchange would say of a symbol such as ``ETH-USDT``."""

    def session(self, path: str, query: str, market: Market) -> Session | None:
        """Return the conversation at an address below ``/<name>/``; None: no such address."""

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes, with their paths below ``/<name>``."""

    def recorded_stream(self, text: str) -> str | None:
        """Return the stream that a recorded frame belongs to; None: it is not played."""

    def recorded_trade(self, text: str) -> tuple[str, Execution] | None:
        """Return (native symbol, trade) of a recorded frame; None: no trade.

        Raises:
            ValueError: a trade that cannot be read.
        """

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a trade's frame with all its times moved."""

    def repriced(self, text: str, price: str) -> str:
        """Return a trade's frame with another price; ``price`` may be any text."""

    def symbol_of(self, native: str) -> str | None:
        """Return ``BASE-QUOTE`` for the exchange's own spelling; None: not understood."""


Exchanges = Mapping[str, Exchange]

"""The seam between the simulator and one exchange's protocol (``exchanges/<name>.py``).

A ``Session`` is one WebSocket connection's side of the conversation: client text in, server text
out, and the streams subscribed to. What not every exchange has is a protocol of its own:
``Numbered`` ids, ``Gathering`` of several trades in a frame, ``Polled`` instead of a WebSocket.
Generic code never names an exchange.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from starlette.routing import BaseRoute

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market
from procs.simulator.truth import Truth

Render = Callable[[int, int], str]
"""(trade id, its time in µs UTC) → the frame, header and text, as ``wire.framed`` has it."""


class Denied(Exception):
    """The exchange refuses a connection during its handshake.

    Args:
        status: of HTTP.
        body: JSON.
    """

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


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
        """Return the conversation at an address below ``/<name>/``; None: no such address.

        Raises:
            Denied: the exchange does not talk to this client.
        """

    def routes(self, market: Market) -> list[BaseRoute]:
        """Return the REST routes, with their paths below ``/<name>``."""

    def recorded_streams(self, text: str) -> Collection[str]:
        """Return the streams that a recorded frame belongs to; none: it is not played."""

    def recorded_trades(self, text: str) -> Sequence[tuple[str, Execution]]:
        """Return (native symbol, trade) of each trade in a recorded frame.

        Where the exchange has no ids, all have id 0.

        Raises:
            ValueError: a trade that cannot be read.
        """

    def shifted(self, text: str, shift_us: int) -> str:
        """Return a trade's frame with all its times moved."""

    def repriced(self, text: str, price: str) -> str:
        """Return a trade's frame with another price; ``price`` may be any text."""

    def symbol_of(self, native: str) -> str | None:
        """Return ``BASE-QUOTE`` for the exchange's own spelling; None: not understood."""


@runtime_checkable
class Numbered(Exchange, Protocol):
    """An exchange whose frames carry trade ids."""

    def renumbered(self, text: str, trade_id: int) -> str:
        """Return a trade's frame with another id."""


@runtime_checkable
class Gathering(Exchange, Protocol):
    """An exchange that sends the trades of a while in one frame."""

    gathers_us: int
    """Length of such a while."""

    def gathered(self, frames: Sequence[str]) -> list[str]:
        """Return fewer frames with the same trades in the same order.

        Each is as ``wire.framed`` has it; those that are no trade's stay as they are.
        """


@runtime_checkable
class Polled(Exchange, Protocol):
    """An exchange without a WebSocket: it is asked, and tells the newest of each symbol."""

    updates_every_us: int
    """How often there is something newer, per symbol."""


Exchanges = Mapping[str, Exchange]

"""The way to an exchange as the feed sees it: sockets that stay open, or questions asked in turn.

``connection`` is the one, ``polling`` the other. Either moves on with ``on_tick``, hands each
message to the feed, never gives up and never waits.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from bus.actor import Instant, Reader
from bus.messages import FeedStatus, SymbolStatus
from procs.feed.exchanges import Exchange

LinkState = Literal["idle", "connecting", "connected", "reconnecting"]
Circuit = Literal["closed", "open", "half-open"]


class Link(Protocol):
    """The way to one exchange."""

    state: LinkState
    since: int
    """When that state began, µs UTC; 0 before the first attempt."""
    reason: str | None
    """Why it is not connected."""
    next_try: int | None
    """µs UTC; None while there is nothing to wait for."""
    clock_offset_us: int | None
    """The exchange's clock, or our own where it has none, less our monotonic one.

    None until it was asked.
    """
    clock_old: bool
    """It did not tell the last time that it was asked: ours may be the better one since."""
    reconnects: int
    handovers: int

    @property
    def circuit(self) -> Circuit:
        """*open* while waiting to try again, *half-open* until data come, *closed* once they do."""

    @property
    def attempt(self) -> int:
        """Tries since data last flowed."""

    @property
    def oversized(self) -> int:
        """Messages that were skipped for their size."""

    @property
    def readers(self) -> Sequence[Reader]:
        """The open sockets."""

    def on_tick(self, now: Instant) -> None:
        """Move on."""

    def resubscribe(self, symbol: str) -> None:
        """Have one symbol's trades sent anew, where that is possible."""

    def replace(self, reason: str) -> None:
        """Make a new connection before the old one is cut, where there is one."""

    def speak_for(self, exchange: Exchange | None, now: Instant) -> None:
        """Ask for other symbols from now on, those of ``exchange``; with None, be idle."""

    def close(self) -> None:
        """End it."""


def status_of(
    exchange: Exchange,
    link: Link | None,
    symbols: list[SymbolStatus],
    now: Instant,
    *,
    journal_ok: bool,
) -> FeedStatus:
    """Return what a feed says of itself: of its link, and what else it knows."""
    return FeedStatus(
        exchange=exchange.name,
        state=link.state if link else "idle",
        circuit=link.circuit if link else "open",
        since=link.since if link else 0,
        attempt=link.attempt if link else 0,
        next_try=link.next_try if link else None,
        reason=link.reason if link else None,
        gapless=exchange.ids == "consecutive",
        symbols=symbols,
        journal_ok=journal_ok,
        ts=now.wall,
    )


def connected_since(link: Link | None) -> int | None:
    """Return since when it is connected, µs UTC; None while it is not."""
    return link.since if link is not None and link.state == "connected" else None

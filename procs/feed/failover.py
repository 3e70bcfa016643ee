"""Which of one exchange's symbols stand in for others now. Pure: fed with what primaries say.

In come the statuses of the feeds whose symbols are stood in for; out go the symbols that are to be
subscribed or given up, and why. A primary that is away for a moment changes nothing, and neither
does one that is back for a moment. All times are µs of the clock that only goes forward.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from bus.messages import FeedStatus, SymbolStatus

Place = tuple[str, str]
"""(exchange, symbol)"""
SILENT_US = 5_000_000
"""A feed that has said nothing for so long counts as away since it spoke last."""
TAKE_UP_US = 10_000_000
"""The primary has been in trouble for so long before its stand-in is subscribed,"""
GIVE_UP_US = 60_000_000
"""and well for so long before its stand-in is given up."""


class Switch(NamedTuple):
    """A symbol that is to be subscribed from now on, or not to be."""

    symbol: str
    stands_in_for: str
    active: bool
    reason: str


@dataclass
class _Standby:
    primary: Place
    heard: int
    since: int
    trouble: str | None = None
    active: bool = False

    def look(self, trouble: str | None, at: int) -> None:
        """Take what ails the primary, None for nothing, since ``at`` if that is a change."""
        if (trouble is None) != (self.trouble is None):
            self.since = at
        self.trouble = trouble


class Failover:
    """The symbols of one exchange that stand in for others.

    Args:
        primaries: what each of them stands in for.
        now: from then on a primary that says nothing is away.
    """

    def __init__(self, primaries: Mapping[str, Place], now: int) -> None:
        self._standbys = {
            symbol: _Standby(primary, heard=now, since=now) for symbol, primary in primaries.items()
        }

    @property
    def resting(self) -> frozenset[str]:
        """The symbols that are not to be subscribed now."""
        return frozenset(symbol for symbol, one in self._standbys.items() if not one.active)

    def of(self, status: SymbolStatus) -> SymbolStatus:
        """Return a symbol's status with what it stands in for, and whether it does now."""
        one = self._standbys.get(status.symbol)
        if one is None:
            return status
        state = status.state if one.active else "standby"
        return replace(status, state=state, stands_in_for=":".join(one.primary))

    def told(self, status: FeedStatus, now: int) -> None:
        """Take the status of a feed."""
        for one in self._standbys.values():
            exchange, symbol = one.primary
            if exchange == status.exchange:
                one.heard = now
                one.look(trouble(status, symbol), now)

    def on_tick(self, now: int) -> list[Switch]:
        """Return what changes now."""
        switches = []
        for symbol, one in self._standbys.items():
            if now - one.heard >= SILENT_US:
                one.look(f"the feed of {one.primary[0]} gives no sign of life", one.heard)
            ails = one.trouble is not None
            long_enough = now - one.since >= (TAKE_UP_US if ails else GIVE_UP_US)
            if ails is not one.active and long_enough:
                one.active = ails
                name = ":".join(one.primary)
                switches.append(Switch(symbol, name, ails, one.trouble or f"{name} is well again"))
        return switches


def trouble(status: FeedStatus, symbol: str) -> str | None:
    """Return what ails a symbol by its feed's own words, None while it is well.

    One that is quiet, or has not traded yet, is well: that is its market.
    """
    name = f"{status.exchange}:{symbol}"
    if status.state != "connected":
        return f"{status.exchange} is {status.state}" + (
            f": {status.reason}" if status.reason else ""
        )
    for one in status.symbols:
        if one.symbol == symbol:
            if one.listed is False:
                return f"{name} is not listed"
            return f"{name} is stale" if one.state == "stale" else None
    return f"{name} is not in FEEDS"

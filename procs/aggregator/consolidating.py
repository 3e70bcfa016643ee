"""The consolidated price of each asset, at most every 200 ms. Pure.

In come the symbols that have traded, the feeds' states and the memories; out come prices, when they
have changed. A feed that says nothing for five seconds is taken for disconnected; until each was
heard, or could have been, nothing is said.
"""

from collections.abc import Mapping
from decimal import Decimal

from bus.actor import Instant
from bus.messages import Consolidated, FeedStatus
from market.coalesce import Coalescer
from market.consolidated import Market, consolidate
from market.symbols import DOLLARS, base, quote
from procs.aggregator.memory import Memory

EVERY_US = 200_000
SILENT_AFTER_US = 5_000_000
"""A feed says its state every second."""


class Consolidating:
    """The assets that are traded for dollars, and what was said last of each."""

    def __init__(self) -> None:
        self._assets: dict[str, set[tuple[str, str]]] = {}
        self._statuses: dict[str, FeedStatus] = {}
        self._heard: dict[str, int] = {}
        self._silent: set[str] = set()
        self._changed: Coalescer[str, None] = Coalescer(EVERY_US)
        self._said: dict[str, Consolidated] = {}
        self._begun: int | None = None

    def traded(self, exchange: str, symbol: str) -> None:
        """Take that a symbol has a new price."""
        if quote(symbol) in DOLLARS:
            asset = base(symbol)
            self._assets.setdefault(asset, set()).add((exchange, symbol))
            self._changed.offer(asset, None)

    def heard(self, status: FeedStatus, now: Instant) -> None:
        """Take the state of a feed."""
        before = self._statuses.get(status.exchange)
        self._statuses[status.exchange] = status
        self._heard[status.exchange] = now.mono
        if before is None or _standing(before) != _standing(status):
            self._changed_at(status.exchange)

    def on_tick(self, now: Instant) -> None:
        """Notice which feeds have fallen silent, or speak again."""
        if self._begun is None:
            self._begun = now.mono
        silent = {
            exchange
            for exchange, heard in self._heard.items()
            if now.mono - heard > SILENT_AFTER_US
        }
        for exchange in silent ^ self._silent:
            self._changed_at(exchange)
        self._silent = silent

    def due(self, memories: Mapping[str, Memory], now: Instant) -> list[Consolidated]:
        """Return the prices that have changed and may go."""
        found: list[Consolidated] = []
        for asset, _ in self._changed.due(now.mono):
            if self._is_too_early(asset, now):
                self._changed.offer(asset, None)
                continue
            made = consolidate(asset, self._markets(asset, memories, now))
            if made is not None and made != self._said.get(asset):
                self._said[asset] = made
                found.append(made)
        return found

    def _changed_at(self, exchange: str) -> None:
        for asset, symbols in self._assets.items():
            if any(where == exchange for where, _ in symbols):
                self._changed.offer(asset, None)

    def _is_too_early(self, asset: str, now: Instant) -> bool:
        if self._begun is not None and now.mono - self._begun > SILENT_AFTER_US:
            return False
        return any(exchange not in self._heard for exchange, _ in self._assets[asset])

    def _markets(self, asset: str, memories: Mapping[str, Memory], now: Instant) -> list[Market]:
        found = []
        for exchange, symbol in self._assets[asset]:
            status = self._statuses.get(exchange)
            states = None if status is None else {one.symbol: one.state for one in status.symbols}
            memory = memories.get(exchange)
            recent = None if memory is None else memory.recent.get(symbol)
            if memory is None or not recent or (states is not None and symbol not in states):
                continue  # one that is not asked for any more
            found.append(
                Market(
                    exchange,
                    symbol,
                    tuple(Decimal(trade.price) for trade in recent),
                    recent[-1].ts_event,
                    memory.turnover(symbol, now.mono),
                    connected=status is not None
                    and status.state == "connected"
                    and exchange not in self._silent,
                    stale=states is not None and states[symbol] in ("stale", "standby"),
                    # What is only polled knows no sizes: it is told what others have traded.
                    secondary=recent[-1].size is None,
                )
            )
        return found


def _standing(status: FeedStatus) -> tuple[bool, list[tuple[str, str]]]:
    """Return what of a feed's state a price depends on."""
    return status.state == "connected", [(one.symbol, one.state) for one in status.symbols]

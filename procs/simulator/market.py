"""What REST and connections ask of the market behind an exchange, invented or recorded.

``Market`` is the seam; ``SeededMarket`` answers it from the schedule and the truth. A *position*
is a place in the order of all events, from which a connection tells what it has already been
sent.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from bus.messages import Side
from procs.simulator.listing import Listing
from procs.simulator.numbering import Numbering
from procs.simulator.schedule import Schedule
from procs.simulator.truth import HISTORY_S, Bar, Truth

Clock = Callable[[], int]
"""µs UTC."""


class Execution(NamedTuple):
    """One trade that has happened."""

    trade_id: int
    ts_event: int
    """µs UTC, as exact as the exchange says it."""
    price: str
    size: str | None
    """None where the exchange does not tell it."""
    side: Side | None
    """The taker's; None where the exchange does not tell it."""


class Market(Protocol):
    """One exchange's market."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """What is traded, by the exchange's own spelling."""

    def now(self) -> int:
        """Return the exchange's own time, µs UTC."""

    def position(self) -> int:
        """Return the position of this moment."""

    def last_id(self, native: str, position: int) -> int:
        """Return the id of the last trade up to a position; 0 where there is none."""

    def executions(self, native: str, first_id: int, last_id: int) -> Iterator[Execution]:
        """Yield the trades from ``first_id`` to ``last_id`` that have happened, by rising id."""

    def bars(self, native: str, interval_s: int, start: int, end: int) -> Iterator[Bar]:
        """Yield the begun candles that open in [``start``, ``end``) (µs UTC), oldest first."""

    def answer(self) -> str | None:
        """Return a recorded answer to whoever asks for the newest, empty before the first.

        None: there is no recording, an answer has to be made up.
        """


def lookup(market: Market, name: str) -> Listing | None:
    """Return the listing of a name, ``BTC-USDT`` or the exchange's own; None: there is none."""
    wanted = name.upper()
    for listing in market.listings.values():
        if wanted in (listing.symbol, listing.native.upper()):
            return listing
    return None


class SeededMarket:
    """One exchange of the invented market.

    Args:
        seed: of the whole simulation.
        listings: what the exchange trades.
        schedule: shared by all exchanges.
        clock: the time.
    """

    def __init__(
        self, seed: int, listings: list[Listing], schedule: Schedule, clock: Clock
    ) -> None:
        self.listings = {listing.native: listing for listing in listings}
        per_symbol = schedule.rate_milli / 1000 / max(1, len(schedule.symbols))
        self.truths = {listing.native: Truth(seed, listing, per_symbol) for listing in listings}
        self.numberings: dict[str, Numbering] = {}
        """Of the symbols whose ids are told otherwise than they are."""
        self._schedule = schedule
        self._clock = clock

    def now(self) -> int:
        """Return the time."""
        return self._clock()

    def position(self) -> int:
        """Return the number of trades that have happened on all exchanges."""
        return self._schedule.ticks(self._clock())

    def last_id(self, native: str, position: int) -> int:
        """Return the id of the last trade up to a position; 0 where there is none."""
        return self._schedule.last_id(self.listings[native].name, position)

    def executions(self, native: str, first_id: int, last_id: int) -> Iterator[Execution]:
        """Yield the trades from ``first_id`` to ``last_id`` that have happened, by rising id."""
        listing, draw = self.listings[native], self.truths[native].draw
        unit, when, name = listing.time_unit_us, self._schedule.when, listing.name
        last_id = min(last_id, self.last_id(native, self.position()))
        for trade_id in range(max(1, first_id), last_id + 1):
            ts = when(name, trade_id)
            price, size, taker_buys, _ = draw(trade_id, ts)
            yield Execution(
                trade_id,
                ts // unit * unit,
                listing.price_text(price),
                listing.size_text(size),
                "buy" if taker_buys else "sell",
            )

    def bars(self, native: str, interval_s: int, start: int, end: int) -> Iterator[Bar]:
        """Yield the begun candles that open in [``start``, ``end``) (µs UTC), oldest first."""
        now = self._clock()
        oldest = now - HISTORY_S.get(interval_s, HISTORY_S[60]) * 1_000_000
        return self.truths[native].bars(interval_s, max(start, oldest), min(end, now + 1))

    def answer(self) -> str | None:
        """Return nothing: there is no recorded answer."""
        return None

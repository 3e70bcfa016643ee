"""A seeded market as its exchange tells of it: with the ids of its ``numbering``.

In comes the market with each trade's own ids, out go frames and answers with those told. A symbol
that nobody has given a numbering is told as it is, and costs nothing.
"""

from collections.abc import Iterator, Mapping

from procs.simulator.listing import Listing
from procs.simulator.market import Execution, Market, SeededMarket
from procs.simulator.numbering import Numbering
from procs.simulator.protocol import Numbered, Render
from procs.simulator.truth import Bar
from procs.simulator.wire import framed, unframed


def retold(render: Render, numbering: Numbering, exchange: Numbered) -> Render:
    """Return what makes a trade's frame with the id that it is to carry."""

    def made(trade_id: int, ts: int) -> str:
        text = unframed(render(trade_id, ts))
        return framed(exchange.renumbered(text, numbering.in_frame(trade_id)))

    return made


class ToldMarket:
    """A seeded market as its exchange tells of it, by REST and in heartbeats.

    Args:
        market: the market itself, with its trades' own ids.
    """

    def __init__(self, market: SeededMarket) -> None:
        self._market = market
        self._numberings = market.numberings

    @property
    def listings(self) -> Mapping[str, Listing]:
        """What is traded."""
        return self._market.listings

    def now(self) -> int:
        """Return the time."""
        return self._market.now()

    def position(self) -> int:
        """Return the position of this moment."""
        return self._market.position()

    def last_id(self, native: str, position: int) -> int:
        """Return the id told of the last trade up to a position; 0 where there is none."""
        last, numbering = self._market.last_id(native, position), self._numberings.get(native)
        return last if numbering is None else numbering.told(last)

    def executions(self, native: str, first_id: int, last_id: int) -> Iterator[Execution]:
        """Yield the trades told as ``first_id`` to ``last_id``, those since the last reset."""
        numbering = self._numberings.get(native)
        if numbering is None:
            yield from self._market.executions(native, first_id, last_id)
            return
        before = numbering.before
        first = max(1, first_id) + before
        for trade in self._market.executions(native, first, last_id + before):
            yield trade._replace(trade_id=trade.trade_id - before)

    def bars(self, native: str, interval_s: int, start: int, end: int) -> Iterator[Bar]:
        """Yield the begun candles that open in [``start``, ``end``) (µs UTC), oldest first."""
        return self._market.bars(native, interval_s, start, end)

    def answer(self) -> str | None:
        """Return nothing: there is no recorded answer."""
        return self._market.answer()


def told(market: Market) -> Market:
    """Return a market as its exchange tells of it."""
    return ToldMarket(market) if isinstance(market, SeededMarket) else market

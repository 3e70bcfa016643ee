"""A seeded market of which only the newest is told, now and then: behind a polled exchange.

Time is cut into steps, each symbol's at its own phase. At the end of a step the exchange takes note
of the newest trade; whoever asks before the next end is told of that one. Now and then, by the
seed, it has nothing to say of a symbol for a whole step. What is told of is thus a function of the
schedule, whoever asks and whenever, and a poller sees a part of it: all, if it asks more often than
once a step.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import partial

from procs.simulator.listing import Listing
from procs.simulator.market import Clock, Execution, SeededMarket
from procs.simulator.protocol import Exchange, Polled
from procs.simulator.schedule import Schedule
from procs.simulator.truth import key_of, mix

UNTOLD_ONE_IN = 50
"""Of the updates, so many are not told."""


class SteppedMarket(SeededMarket):
    """One polled exchange of the invented market: its executions are the updates told.

    Their ids are their times, µs UTC; they have neither size nor side.

    Args:
        seed: of the whole simulation.
        listings: what the exchange has.
        schedule: shared by all exchanges.
        clock: the time.
        step_us: length of a step.
    """

    def __init__(
        self, seed: int, listings: list[Listing], schedule: Schedule, clock: Clock, step_us: int
    ) -> None:
        super().__init__(seed, listings, schedule, clock)
        self._step_us = step_us
        self._keys = {one.native: key_of(seed, "update", one.name) for one in listings}

    def last_id(self, native: str, position: int) -> int:
        """Return the time of the newest update, µs UTC; 0 where there is none.

        There is an execution of it, unless it is one that is not told.
        """
        newest = self._newest(native, position)
        return self._written(native, newest) if newest else 0

    def executions(self, native: str, first_id: int, last_id: int) -> Iterator[Execution]:
        """Yield the updates from ``first_id`` to ``last_id``, times, by rising time."""
        name, when = self.listings[native].name, self._schedule.when
        newest = self._newest(native, self.position())
        written = partial(self._written, native)
        for trade_id in range(bisect_left(range(newest + 1), first_id, 1, key=written), newest + 1):
            if written(trade_id) > last_id:
                return
            noted = self._ends(native, when(name, trade_id) - 1)
            last_of_step = trade_id == newest or noted < when(name, trade_id + 1)
            if last_of_step and mix(self._keys[native] + trade_id) % UNTOLD_ONE_IN:
                for trade in super().executions(native, trade_id, trade_id):
                    yield Execution(trade.ts_event, trade.ts_event, trade.price, None, None)

    def _newest(self, native: str, position: int) -> int:
        """Return the number of the trade noted at the end of the last step; 0: none."""
        happened = super().last_id(native, position)
        ended = self._ends(native, self._clock() - self._step_us)
        name, when = self.listings[native].name, self._schedule.when
        return bisect_right(range(1, happened + 1), ended, key=lambda one: when(name, one))

    def _written(self, native: str, trade_id: int) -> int:
        """Return the time of a trade as the exchange writes it."""
        listing = self.listings[native]
        ts = self._schedule.when(listing.name, trade_id)
        return ts - ts % listing.time_unit_us

    def _ends(self, native: str, ts: int) -> int:
        """Return the first end of a step after ``ts``."""
        phase = self._keys[native] % self._step_us
        return ts + self._step_us - (ts - phase) % self._step_us


def invented(
    exchange: Exchange, seed: int, listings: list[Listing], schedule: Schedule, clock: Clock
) -> SeededMarket:
    """Return the invented market behind an exchange."""
    if isinstance(exchange, Polled):
        return SteppedMarket(seed, listings, schedule, clock, exchange.updates_every_us)
    return SeededMarket(seed, listings, schedule, clock)

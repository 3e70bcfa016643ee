"""The seeded market as a source: sends every trade at its time to whoever has subscribed.

Each client has a cursor into the one sequence of trades, so nothing is ever queued: a client
whose buffer is full is left where it is and catches up later. One write per client and wake,
however many trades are due. With nobody subscribed it sleeps; trades happen all the same.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from procs.simulator.connection import Client, drained
from procs.simulator.market import Clock, SeededMarket
from procs.simulator.protocol import Gathering, Numbered, Render
from procs.simulator.schedule import BILLION, Schedule, Stretch
from procs.simulator.told import retold
from procs.simulator.truth import key_of

TICKS_PER_WAKE = 2_000
"""Trades considered for one client before others get their turn."""
WAKE_MAX_S = 0.05
HELD_WAKE_S = 0.002


class SeededSource:
    """All seeded exchanges together: they share one schedule.

    Args:
        seed: of the whole simulation.
        markets: by exchange.
        schedule: when trades happen.
        symbols: ``exchange:BASE-QUOTE``, in the order of their turns.
        clock: the time, µs UTC.
        save: keeps the schedule; returns when it is on the disk.
    """

    def __init__(
        self,
        seed: int,
        markets: Mapping[str, SeededMarket],
        schedule: Schedule,
        symbols: Sequence[str],
        clock: Clock,
        save: Callable[[Schedule], None],
    ) -> None:
        self.seed = seed
        self.markets = markets
        self.clients: set[Client] = set()
        self.counters: Counter[str] = Counter()
        self._schedule = schedule
        self._clock = clock
        self._save = save
        self._somebody = asyncio.Event()
        self._symbols = tuple(symbols)
        self._keys = [key_of(seed, "fault", symbol) for symbol in symbols]
        self._wake_s = min(0.001 + schedule.rate_milli / 5e9, 0.005)
        """At 1,000 trades/s every 1.2 ms, from 20,000/s every 5 ms."""

    @property
    def trading(self) -> bool:
        """False in a pause."""
        return self._schedule.trading

    def subscribed(self, client: Client) -> None:
        """Its subscriptions have changed: find what makes its frames."""
        market = self.markets[client.exchange.name]
        exchange = client.exchange
        makers = {
            listing.name: client.session.renderers(native, market.truths[native])
            for native, listing in market.listings.items()
        }
        if isinstance(exchange, Numbered):
            for native, numbering in market.numberings.items():
                name = market.listings[native].name
                makers[name] = tuple(retold(render, numbering, exchange) for render in makers[name])
        client.gathering = exchange if isinstance(exchange, Gathering) else None
        client.slots = tuple(makers.get(symbol, ()) for symbol in self._symbols)
        self._somebody.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            if not self.clients:
                self._somebody.clear()
                await self._somebody.wait()
            now = self._clock()
            ticks = self._schedule.ticks(now)
            behind = holding = False
            for client in list(self.clients):
                if client.ready():
                    self._serve(client, now, ticks)
                    behind |= client.cursor < ticks
                    holding |= client.holding
            await asyncio.sleep(0 if behind else self._pause_s(ticks, holding=holding))

    def _pause_s(self, ticks: int, *, holding: bool) -> float:
        """Return how long there is nothing to do, but at least one wake's length."""
        due = self._schedule.next_at(ticks)
        wait_s = WAKE_MAX_S if due is None else (due - self._clock()) / 1e6
        most = HELD_WAKE_S if holding else WAKE_MAX_S
        return min(max(wait_s, self._wake_s), most)

    def _serve(self, client: Client, now: int, ticks: int) -> None:
        """Send one client its share of what is due."""
        if client.session.streams:
            stop = min(ticks, client.cursor + TICKS_PER_WAKE)
            out: list[str] = []
            for stretch in self._schedule.stretches(client.cursor, stop):
                if client.faults.touch_frames or client.gathering is not None:
                    self._hold(stretch, client)
                else:
                    self._render(stretch, client.slots, out)
            out += client.release(now)
            client.cursor = stop
            if out:
                self.counters["frames"] += len(out)
                client.send(out)
        else:
            client.cursor = ticks
        client.beat()

    def _render(
        self, stretch: Stretch, slots: tuple[tuple[Render, ...], ...], out: list[str]
    ) -> None:
        """Append the frames of a stretch: the hot loop."""
        start, first_ids, turns, rate = stretch.start, stretch.first_ids, len(slots), self._rate
        append = out.append
        for k in range(stretch.first, stretch.last):
            turn = k % turns
            for render in slots[turn]:
                append(render(first_ids[turn] + k // turns, start + k * BILLION // rate))

    def _hold(self, stretch: Stretch, client: Client) -> None:
        """Hand the frames of a stretch to the client's faults."""
        turns = len(client.slots)
        for k in range(stretch.first, stretch.last):
            turn = k % turns
            trade_id, ts = (
                stretch.first_ids[turn] + k // turns,
                stretch.start + k * BILLION // self._rate,
            )
            for number, render in enumerate(client.slots[turn]):
                client.hold(render(trade_id, ts), self._keys[turn] + trade_id * 4 + number, ts)

    @property
    def _rate(self) -> int:
        return self._schedule.rate_milli

    async def pause(self) -> bool:
        """Stop trading; return when all has been sent (False: somebody does not read)."""
        if self._schedule.trading:
            self._schedule.close(self._clock())
            self._save(self._schedule)
        ticks = self._schedule.ticks(self._clock())
        return await drained(self, lambda client: client.cursor >= ticks)

    def resume(self) -> None:
        """Go on trading."""
        if not self._schedule.trading:
            self._schedule.open(self._clock(), self._symbols)
            self._save(self._schedule)

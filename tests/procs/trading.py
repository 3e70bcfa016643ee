"""A simulated exchange, a feed and a backfiller in this process, on one clock moved by hand.

Frames and REST answers are the simulator's, journal and HTTP are real; between feed and backfiller
there are no sockets. What happened is the market's own truth.
"""

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette

from bus.actor import Send
from bus.heartbeat import Health
from bus.log import Log
from procs.backfiller.asking import Asking
from procs.backfiller.backfiller import Backfiller
from procs.feed import exchanges
from procs.feed.exchanges import Paged, Streamed
from procs.simulator.exchanges import exchanges as simulated
from procs.simulator.market import SeededMarket
from procs.simulator.protocol import Render
from procs.simulator.schedule import Schedule
from procs.simulator.wire import unframed
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.feeding import START, SYMBOLS, Feeding
from tests.web.asgi import ask

Told = tuple[int, int, Decimal, Decimal, str | None]
"""(trade_id, ts_event, price, size, the taker's side)."""


class Trading:
    """Two symbols of an exchange, traded in turns from ``START`` on.

    Args:
        folder: for the journal.
        server: whose REST interface becomes the exchange's.
        name: of the exchange.
        per_s: trades of each symbol in a second.
        before_s: seconds before ``START`` for which they have been traded.
        filled: whether there is a backfiller.
    """

    def __init__(
        self,
        folder: Path,
        server: ExchangeServer,
        name: str,
        per_s: int,
        *,
        before_s: int = 0,
        filled: bool = True,
    ) -> None:
        exchange = exchanges.load(name)(SYMBOLS)
        assert isinstance(exchange, Streamed)
        assert isinstance(exchange, Paged)
        self.feeding = Feeding(folder, other=exchange)
        self.server = server
        self._filled = filled
        there = simulated()[name]
        self._schedule = Schedule(per_s * len(SYMBOLS) * 1000, ())
        self._schedule.open(
            START - before_s * 1_000_000, [f"{name}:{symbol}" for symbol in SYMBOLS]
        )
        listings = [there.listing(symbol) for symbol in SYMBOLS]
        self._natives = {listing.symbol: listing.native for listing in listings}
        self._market = SeededMarket(7, listings, self._schedule, lambda: self.feeding.now.wall)
        self._rest = Starlette(routes=there.routes(self._market))
        server.rest_otherwise = self._answer
        address = urlsplit(exchange.connect_url("ws://exchange.invalid/ws"))
        session = there.session(address.path.strip("/"), address.query, self._market)
        assert session is not None
        for text in exchange.subscribe():
            session.receive(text, 0)
        self._renders: dict[str, Render] = {}
        for symbol, native in self._natives.items():
            (self._renders[symbol],) = session.renderers(native, self._market.truths[native])
        self._name = name
        self.health = Health("backfiller")
        self._asking = Asking(exchange, server.rest_url, self.health, Log("test"))
        self._backfiller = Backfiller({name: self._asking}, self.health)

    def _answer(self, path: str) -> bytes:
        path, _, query = path.partition("?")
        answer = asyncio.run(ask(self._rest, path, query))
        return http(f"{answer.status} As It Is", body=answer.body)

    def frame(self, symbol: str, trade_id: int) -> bytes:
        """Return the frame of a trade."""
        ts = self._schedule.when(f"{self._name}:{symbol}", trade_id)
        return unframed(self._renders[symbol](trade_id, ts)).encode()

    def stop(self) -> None:
        """No more trades happen from now on."""
        self._schedule.close(self.feeding.now.wall)

    def newest(self, symbol: str) -> int:
        """Return the id of the newest trade that has happened."""
        return self._market.last_id(self._natives[symbol], self._market.position())

    def truth(self, symbol: str, first: int, last: int) -> list[Told]:
        """Return what has happened."""
        return [
            (one.trade_id, one.ts_event, Decimal(one.price), Decimal(one.size or 0), one.side)
            for one in self._market.executions(self._natives[symbol], first, last)
        ]

    def told(self, symbol: str) -> list[Told]:
        """Return what the journal has, by rising id; each trade as often as it stands there."""
        return sorted(
            (one.trade_id, one.ts_event, Decimal(one.price), Decimal(one.size or 0), one.side)
            for one in self.feeding.trades()
            if one.symbol == symbol
        )

    @property
    def calls(self) -> int:
        """Calls to the REST interface so far."""
        return self.health.counters["calls"]

    @property
    def gaps(self) -> tuple[int, int]:
        """The open gaps and the missing ids of all symbols."""
        found = self.feeding.feed.status(self.feeding.now).symbols
        return sum(one.gaps_open for one in found), sum(one.missing for one in found)

    def hear(self, frames: Sequence[bytes]) -> None:
        """The stream brings frames, in one wake."""
        self._carry(self.feeding.take(*frames))

    def begin(self, *frames: bytes) -> int:
        """Let the stream begin; return the calls that it took to look for this hour's trades."""
        self.feeding.pass_time(200_000)
        self.hear(frames)
        for _ in range(10):
            self.tick()
        self.rest(within_s=30)
        return self.calls

    def tick(self, micros: int = 100_000) -> None:
        """Let time pass for both; a call that begins is waited for."""
        self._carry(self.feeding.tick(micros))
        if not self._filled:
            return
        self._look()
        if (call := self._asking._call) is not None:
            assert call.done.wait(20)
            self._look()

    def _look(self) -> None:
        for send in self._backfiller.on_tick(self.feeding.now):
            self._carry(self.feeding.feed.on_message("recovered", [send.payload], self.feeding.now))

    def _carry(self, sends: Iterable[Send]) -> None:
        for send in sends:
            if send.output == "backfiller" and self._filled:
                self._backfiller.on_message("wanted", [send.payload], self.feeding.now)

    def rest(self, within_s: float) -> float:
        """Tick until no trade is missing; return how many seconds that took."""
        began = self.feeding.now.mono
        while self.feeding.now.mono - began < within_s * 1e6:
            self.tick()
            if self.gaps == (0, 0) and not len(self._asking):
                break
        return (self.feeding.now.mono - began) / 1e6

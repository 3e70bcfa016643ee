"""A feed and a backfiller, without their sockets, on the REST of a server and one clock by hand."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bus.actor import Send
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import GapsWanted, decode, encode
from procs.backfiller.asking import Asking
from procs.backfiller.backfiller import Backfiller
from procs.feed import exchanges
from procs.feed.exchanges import Paged
from tests.procs.exchange_server import ExchangeServer, http
from tests.procs.feeding import START, SYMBOLS, Feeding, match

PAGE = 1000
SYMBOL = "BTC-USD"


def usual_time(trade_id: int) -> int:
    """Return when a trade happened, as ``feeding.match`` has it."""
    return START + trade_id * 1_000_000


class Filling:
    """The exchange has the trades of ``ranges``, rising; ``time_of`` says when each happened."""

    def __init__(
        self, folder: Path, server: ExchangeServer, series: dict[tuple[str, str], int] | None = None
    ) -> None:
        self.server = server
        self.feeding = Feeding(folder, series=series)
        self.ranges: list[tuple[int, int]] = []
        self.time_of: Callable[[int], int] = usual_time
        self.instead: list[bytes] = []
        """Answers to be given before those."""
        self.called_at: list[int] = []
        """When each call began, µs of the clock that only goes forward."""
        server.rest_otherwise = self._answer
        exchange = exchanges.load("coinbase")(SYMBOLS)
        assert isinstance(exchange, Paged)
        self.health = Health("backfiller")
        self._asking = Asking(exchange, server.rest_url, self.health, Log("test"))
        self._backfiller = Backfiller({"coinbase": self._asking}, self.health)

    def _answer(self, path: str) -> bytes:
        if self.instead:
            return self.instead.pop(0)
        found = re.fullmatch(r"/rest/products/[A-Z]+-USD/trades\?limit=1000&after=(\d+)", path)
        assert found is not None, path
        before, had = int(found[1]), list[int]()
        for first, last in reversed(self.ranges):
            newest = min(last, before - 1)
            had += range(newest, max(first, newest - PAGE + len(had) + 1) - 1, -1)
        return http("200 OK", body=json.dumps([self._item(one) for one in had]).encode())

    def _item(self, trade_id: int) -> dict[str, object]:
        moment = datetime.fromtimestamp(self.time_of(trade_id) / 1e6, UTC)
        return {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "trade_id": trade_id,
            "price": "100.5",
            "size": "0.5",
            "side": "sell",
        }

    @property
    def calls(self) -> int:
        """Calls to the REST interface so far."""
        return len(self.server.rest_asked)

    def trade(self, *ids: int) -> None:
        """The exchange executes trades, and its stream brings them."""
        for one in ids:
            if self.ranges and self.ranges[-1][1] + 1 == one:
                self.ranges[-1] = (self.ranges[-1][0], one)
            else:
                self.ranges.append((one, one))
            self.hear(one)

    def hear(self, trade_id: int) -> None:
        """The stream brings a trade."""
        self._carry(self.feeding.take(match(trade_id, ts=self.time_of(trade_id))))

    def tick(self, micros: int = 100_000) -> None:
        """Let time pass for both; a call that begins is waited for."""
        self._carry(self.feeding.tick(micros))
        self._look()
        call = self._asking._call
        if call is not None and call.began == self.feeding.now.mono:
            self.called_at.append(call.began)
            assert call.done.wait(10)
            self._look()

    def _look(self) -> None:
        for send in self._backfiller.on_tick(self.feeding.now):
            self._carry(self.feeding.feed.on_message("recovered", [send.payload], self.feeding.now))

    def _carry(self, sends: "list[Send] | tuple[Send, ...] | object") -> None:
        assert isinstance(sends, list | tuple)
        for send in sends:
            if send.output == "backfiller":
                message = decode(send.payload)
                assert isinstance(message, GapsWanted)
                # The hour's earlier trades are no gap: they have tests of their own.
                gaps = [one for one in message.wanted if one.until is None]
                payload = encode(GapsWanted(message.exchange, gaps))
                self._backfiller.on_message("wanted", [payload], self.feeding.now)

    def until(self, condition: Callable[[], object], micros: int = 250_000) -> None:
        """Tick until something is so."""
        for _ in range(3000):
            if condition():
                return
            self.tick(micros)
        raise AssertionError("not after 3000 ticks")

    @property
    def gaps(self) -> tuple[int, int]:
        """The open gaps and the missing ids of the symbol."""
        (found, _) = self.feeding.feed.status(self.feeding.now).symbols
        return found.gaps_open, found.missing

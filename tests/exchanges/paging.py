"""An exchange's REST pages of what was recorded of it, by the simulator, in this process."""

import asyncio
from urllib.parse import urlsplit

from starlette.applications import Starlette

from procs.simulator import recording
from procs.simulator.playback import RecordedMarket
from procs.simulator.protocol import Exchange
from tests.web.asgi import ask

BASE = "http://exchange.invalid/rest"


class Pages:
    """The REST interface of a simulated exchange on which everything recorded has happened."""

    def __init__(self, exchange: Exchange, symbols: tuple[str, ...], frames: list[str]) -> None:
        listings = {one.native: one for one in map(exchange.listing, symbols)}
        market = RecordedMarket(recording.Recorded(exchange, (), 0, listings, 0), None, None)
        for frame in frames:
            for trade in exchange.recorded_trades(frame):
                market.execute(*trade)
        self._app = Starlette(routes=exchange.routes(market))

    def get(self, url: str) -> bytes:
        """Return the body of an answer, which must be a good one."""
        parts = urlsplit(url)
        answer = asyncio.run(ask(self._app, parts.path, parts.query))
        assert answer.status == 200, answer.body
        return answer.body

"""The simulator's one web application: every exchange under its name, and our own routes.

``GET /truth?exchange=&symbol=[&from_id=][&to_id=]`` streams what was executed, ``POST /pause``
and ``POST /resume`` stop and start trading, ``POST /shutdown?exchange=&cut_s=`` announces an
exchange's maintenance and cuts its connections, ``GET /health`` says what runs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import islice

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from procs.simulator.connection import Source, converse
from procs.simulator.faults import Faults
from procs.simulator.market import Market, lookup
from procs.simulator.protocol import Exchange, Exchanges

LINES_PER_CHUNK = 500
CUT_AFTER_S = 600.0
"""Binance announces a shutdown ten minutes ahead."""


class TruthLine(msgspec.Struct):
    """One line of ``/truth``."""

    symbol: str
    trade_id: int
    ts_event: int
    """µs UTC."""
    price: str
    size: str
    side: str
    """The taker's."""


def make(exchanges: Exchanges, sources: Sequence[Source], faults: Faults) -> Starlette:
    """Return the application that serves these sources."""
    simulation = _Simulation(sources)
    routes: list[BaseRoute] = [
        Route("/truth", simulation.truth),
        Route("/pause", simulation.pause, methods=["POST"]),
        Route("/resume", simulation.resume, methods=["POST"]),
        Route("/shutdown", simulation.shutdown, methods=["POST"]),
        Route("/health", simulation.health),
    ]
    for source in sources:
        for name, market in source.markets.items():
            exchange = exchanges[name]
            endpoint = partial(_connected, exchange=exchange, source=source, faults=faults)
            below = [*exchange.routes(market), WebSocketRoute("/{path:path}", endpoint)]
            routes.append(Mount(f"/{name}", routes=below))
    return Starlette(routes=routes)


async def _connected(
    websocket: WebSocket, *, exchange: Exchange, source: Source, faults: Faults
) -> None:
    await converse(websocket, exchange, source, faults)


class _Simulation:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._markets: Mapping[str, Market] = {
            name: market for source in sources for name, market in source.markets.items()
        }

    def _executed(self) -> dict[str, int]:
        """Return the last trade id of each symbol."""
        return {
            listing.name: market.last_id(native, market.position())
            for market in self._markets.values()
            for native, listing in market.listings.items()
        }

    async def truth(self, request: Request) -> Response:
        market = self._markets.get(request.query_params.get("exchange", "").lower())
        if market is None:
            return _refused(f"exchange must be one of {', '.join(self._markets)}", 404)
        listing = lookup(market, request.query_params.get("symbol", ""))
        if listing is None:
            names = ", ".join(listing.symbol for listing in market.listings.values())
            return _refused(f"symbol must be one of {names}", 404)
        try:
            first = int(request.query_params.get("from_id", "0"))
            last = int(request.query_params.get("to_id", str(1 << 62)))
        except ValueError:
            return _refused("from_id and to_id must be whole numbers", 400)
        last = min(last, market.last_id(listing.native, market.position()))
        found = market.executions(listing.native, first, last)
        encode = msgspec.json.Encoder().encode

        async def chunks() -> AsyncIterator[bytes]:
            while part := list(islice(found, LINES_PER_CHUNK)):
                texts = [encode(TruthLine(listing.symbol, *trade)) for trade in part]
                yield b"\n".join(texts) + b"\n"
                await asyncio.sleep(0)  # others' trades are due

        return StreamingResponse(chunks(), media_type="application/x-ndjson")

    async def pause(self, request: Request) -> Response:
        sent = await asyncio.gather(*(source.pause() for source in self._sources))
        return JSONResponse({"trading": False, "sent": all(sent), "executed": self._executed()})

    async def resume(self, request: Request) -> Response:
        for source in self._sources:
            source.resume()
        return JSONResponse({"trading": True, "executed": self._executed()})

    async def shutdown(self, request: Request) -> Response:
        name = request.query_params.get("exchange", "")
        if name not in self._markets:
            return _refused(f"exchange must be one of {', '.join(self._markets)}", 404)
        try:
            cut_s = float(request.query_params.get("cut_s", CUT_AFTER_S))
        except ValueError:
            return _refused("cut_s must be a number of seconds", 400)
        told = 0
        for source in self._sources:
            for client in source.clients:
                if client.exchange.name == name:
                    client.say(client.session.farewell(self._markets[name].now()))
                    client.cut_within(cut_s)
                    told += 1
        return JSONResponse({"exchange": name, "connections": told, "cut_s": cut_s})

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {
                "trading": all(source.trading for source in self._sources),
                "clients": sum(len(source.clients) for source in self._sources),
                "executed": self._executed(),
            }
        )


def _refused(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status)

"""The simulator's one web application: every exchange under its name, and our own routes.

``GET /truth?exchange=&symbol=[&from_id=][&to_id=]`` streams what was executed, ``POST /pause``
and ``POST /resume`` stop and start trading, ``POST /shutdown?exchange=&cut_s=`` announces an
exchange's maintenance and cuts its connections, ``GET /health`` says what runs. ``POST
/faults?drop=0.1&cut=0`` changes the faults named, ``DELETE /faults`` ends them all, ``GET`` tells
them. ``POST /anomaly?exchange=&symbol=&kind=reset|jump`` spoils the ids told from the next trade on
and answers ``from_id``, that trade's own id, and ``told_id``, what its frame carries.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import islice

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from bus.errors import SettingError
from procs.simulator.connection import Source, converse
from procs.simulator.failing import FailingRest
from procs.simulator.faults import Faults, Switch, changed
from procs.simulator.market import Market, SeededMarket, lookup
from procs.simulator.numbering import KINDS, Numbering
from procs.simulator.protocol import Exchange, Exchanges, Numbered
from procs.simulator.told import told
from procs.simulator.truth import key_of

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
    size: str | None
    side: str | None
    """The taker's. Size and side are null where the exchange does not tell them."""


def make(exchanges: Exchanges, sources: Sequence[Source], faults: Faults) -> Starlette:
    """Return the application that serves these sources."""
    switch = Switch(faults)
    simulation = _Simulation(exchanges, sources, switch)
    routes: list[BaseRoute] = [
        Route("/truth", simulation.truth),
        Route("/pause", simulation.pause, methods=["POST"]),
        Route("/resume", simulation.resume, methods=["POST"]),
        Route("/shutdown", simulation.shutdown, methods=["POST"]),
        Route("/faults", simulation.faults, methods=["GET", "POST", "DELETE"]),
        Route("/anomaly", simulation.anomaly, methods=["POST"]),
        Route("/health", simulation.health),
    ]
    for source in sources:
        for name, market in source.markets.items():
            routes.append(_mounted(exchanges[name], told(market), source, switch))
    return Starlette(routes=routes)


def _mounted(exchange: Exchange, market: Market, source: Source, switch: Switch) -> Mount:
    """Return all that an exchange answers, below its name."""
    endpoint = partial(_connected, exchange=exchange, market=market, source=source, switch=switch)
    failing = Middleware(FailingRest, switch, key_of(source.seed, "rest", exchange.name))
    below = [*exchange.routes(market), WebSocketRoute("/{path:path}", endpoint)]
    return Mount(f"/{exchange.name}", routes=below, middleware=[failing])


async def _connected(
    websocket: WebSocket, *, exchange: Exchange, market: Market, source: Source, switch: Switch
) -> None:
    await converse(websocket, exchange, market, source, switch)


class _Simulation:
    def __init__(self, exchanges: Exchanges, sources: Sequence[Source], switch: Switch) -> None:
        self._exchanges = exchanges
        self._sources = sources
        self._switch = switch
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

    async def faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._switch.faults = Faults()
        elif request.method == "POST":
            given = request.query_params.multi_items()
            try:
                self._switch.faults = changed(self._switch.faults, given, "faults")
            except SettingError as wrong:
                return _refused(str(wrong), 400)
        return JSONResponse(self._switch.faults._asdict())

    async def anomaly(self, request: Request) -> Response:
        name = request.query_params.get("exchange", "")
        market = self._markets.get(name)
        known = [one for one in self._markets if isinstance(self._exchanges[one], Numbered)]
        if name not in known or not isinstance(market, SeededMarket):
            return _refused(
                f"exchange must be one of {', '.join(known)}, with invented trades", 404
            )
        listing = lookup(market, request.query_params.get("symbol", ""))
        if listing is None:
            names = ", ".join(listing.symbol for listing in market.listings.values())
            return _refused(f"symbol must be one of {names}", 404)
        kind = request.query_params.get("kind", "")
        if kind not in KINDS:
            return _refused(f"kind must be one of {', '.join(KINDS)}", 400)
        numbering = market.numberings.setdefault(listing.native, Numbering())
        from_id = market.last_id(listing.native, market.position()) + 1
        told_id = KINDS[kind](numbering, from_id)
        for source in self._sources:
            for client in source.clients:
                if client.exchange.name == name:
                    source.subscribed(client)
        return JSONResponse(
            {
                "exchange": name,
                "symbol": listing.symbol,
                "kind": kind,
                "from_id": from_id,
                "told_id": told_id,
            }
        )

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

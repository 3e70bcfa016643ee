"""The application: every route of every file in ``api/``, the live routes, the dashboard.

In come the shared parts; out goes an ASGI application. A new subject is a new file in ``api/``
with its endpoints; nothing is to be added here.
"""

import importlib
import pkgutil
from pathlib import Path

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

import web.api
from bus.log import Log
from web import live, quotes
from web.assets import Assets
from web.envelope import Caught, Marked, request_id_of
from web.schema import Endpoint, failure
from web.services import Services

STATIC = Path(__file__).resolve().parent / "static"


def endpoints() -> list[Endpoint]:
    """Return every endpoint in ``web/api``."""
    found = []
    for module in pkgutil.iter_modules(web.api.__path__):
        loaded = importlib.import_module(f"web.api.{module.name}")
        found += [value for value in vars(loaded).values() if isinstance(value, Endpoint)]
    return sorted(found, key=lambda endpoint: endpoint.path)


def build(services: Services, log: Log) -> ASGIApp:
    """Return the application."""
    assets = Assets(STATIC)

    async def page(request: Request) -> Response:
        return assets.page(request)

    async def static(request: Request) -> Response:
        return assets.file(request)

    async def sse_quotes(request: Request) -> StreamingResponse:
        return await quotes.stream(request, services)

    async def ws(websocket: WebSocket) -> None:
        await live.serve(websocket, services)

    async def ws_quotes(websocket: WebSocket) -> None:
        await quotes.serve(websocket, services)

    routes: list[BaseRoute] = [
        *(endpoint.on(services) for endpoint in endpoints()),
        Route("/sse/quotes", sse_quotes),
        WebSocketRoute("/ws", ws),
        WebSocketRoute("/ws/quotes", ws_quotes),
        WebSocketRoute("/{path:path}", _nothing_here),
        Route("/", page),
        Route("/static/{path:path}", static),
    ]
    app: ASGIApp = Caught(Router(routes, redirect_slashes=False), log)
    if services.settings.cors_origin:
        app = CORSMiddleware(
            app,
            allow_origins=list(services.settings.cors_origin),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "retry-after"],
        )
    return Marked(app)


async def _nothing_here(websocket: WebSocket) -> None:
    """Refuse a WebSocket where there is none."""
    request_id = request_id_of(websocket.scope)
    sentence = f"there is no WebSocket at {websocket.scope['path'][:200]}"
    await websocket.send_denial_response(
        failure(404, sentence, request_id, headers={"x-request-id": request_id})
    )

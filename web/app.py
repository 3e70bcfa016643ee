"""The application: every route of ``api/``, every stream of ``streams/``, the dashboard.

In come the shared parts; out goes an ASGI application. A new subject is a new file in ``api/``
with its endpoints, a new protocol one in ``streams/``; nothing is to be added here.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

import web.api
import web.streams
from bus.log import Log
from web import documents
from web.answers import failure
from web.assets import Assets, takes_gzip
from web.cors import Shared
from web.envelope import Caught, Marked, request_id_of
from web.pages import Pages
from web.schema import Endpoint
from web.services import Services
from web.stream import Stream

COMPRESSED_FROM, COMPRESSION = 1400, 4
"""Bytes: what fits a packet is sent as it is. And zlib's level."""
STATIC = Path(__file__).resolve().parent / "static"


def endpoints() -> list[Endpoint]:
    """Return every endpoint in ``web/api``."""
    found = [value for value in _in_folder(web.api) if isinstance(value, Endpoint)]
    return sorted(found, key=lambda endpoint: endpoint.path)


def streams() -> list[Stream]:
    """Return every stream in ``web/streams``."""
    found = [value for value in _in_folder(web.streams) if isinstance(value, Stream)]
    return sorted(found, key=lambda stream: stream.path)


def _in_folder(package: ModuleType) -> Iterator[Any]:
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{package.__name__}.{module.name}")
        yield from vars(loaded).values()


def build(services: Services, log: Log) -> ASGIApp:
    """Return the application."""
    assets = Assets(STATIC)

    pages = Pages(assets, services.directory, simulated=services.settings.simulated)

    async def static(request: Request) -> Response:
        return assets.file(request)

    routes: list[BaseRoute] = [
        *(endpoint.on(services) for endpoint in endpoints()),
        *(stream.on(services) for stream in streams()),
        WebSocketRoute("/{path:path}", _nothing_here),
        *pages.routes(),
        Route("/static/{path:path}", static),
        *documents.routes(services, endpoints(), streams(), assets.read("docs/index.html")),
    ]
    router = Router(routes, redirect_slashes=False)
    router.default = pages.instead(router.default)
    app: ASGIApp = _compressed(Caught(router, log))
    if services.settings.cors_origin:
        app = Shared(app, services.settings.cors_origin)
    return Marked(app, services.health)


def _compressed(app: ASGIApp) -> ASGIApp:
    """Return an application whose longer answers are compressed for who takes that."""
    smaller = GZipMiddleware(app, minimum_size=COMPRESSED_FROM, compresslevel=COMPRESSION)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Programs that ask for much and take nothing compressed are spared looking at the answer.
        wanted = scope["type"] == "http" and takes_gzip(Request(scope))
        await (smaller if wanted else app)(scope, receive, send)

    return answer


async def _nothing_here(websocket: WebSocket) -> None:
    """Refuse a WebSocket where there is none."""
    request_id = request_id_of(websocket.scope)
    sentence = f"there is no WebSocket at {websocket.scope['path'][:200]}"
    await websocket.send_denial_response(
        failure(404, sentence, request_id, headers={"x-request-id": request_id})
    )

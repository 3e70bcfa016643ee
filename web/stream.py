"""Live streams that say what they take and what they send, as routes do.

A function becomes a ``Stream`` by ``websocket(path, …)`` or ``events(path, …)``: a conversation
over a WebSocket, or server-sent events. A WebSocket is refused before it is accepted, with the
error envelope, when a foreign page asks for it, its query does not fit, or its address has as many
connections as it may; events likewise. The types stay on the ``Stream``: the AsyncAPI document is
made from them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from web.admission import Admission, Place
from web.answers import Refused, failure
from web.envelope import request_id_of
from web.http_connection import http_connection_of
from web.origin import is_allowed
from web.protocol import RESTART, connection_of
from web.schema import query_of
from web.services import Services

Handler = Callable[..., Awaitable[Any]]
Frames = tuple[type[msgspec.Struct], ...]


@dataclass(frozen=True)
class Stream:
    """One stream: where, what its query is, what it sends and hears, and who serves it.

    The handler of a WebSocket is a function of (websocket, services[, query]) and gets it accepted;
    that of events one of (request, services[, query]) which returns the response.
    """

    path: str
    kind: Literal["websocket", "events"]
    handler: Handler
    query: type[msgspec.Struct] | None
    sends: Frames
    hears: Frames

    def on(self, services: Services) -> BaseRoute:
        """Return the route as Starlette takes it."""
        if self.kind == "events":

            async def begin(request: Request) -> ASGIApp:
                if request.method != "GET":  # a HEAD would have to wait for an end that never is
                    raise HTTPException(405, headers={"allow": "GET"})
                query = self._query(request, services)
                place = services.admission.enter(request.scope, partial(_end, request.scope))
                try:
                    response = await self.handler(request, services, **query)
                except BaseException:
                    services.admission.leave(place)
                    raise
                return _Held(response, services.admission, place)

            return Route(self.path, begin)

        async def serve(websocket: WebSocket) -> None:
            try:
                if not is_allowed(websocket, services.settings.cors_origin):
                    raise Refused(403, "this origin may not connect")
                query = self._query(websocket, services)
                place = services.admission.enter(
                    websocket.scope, partial(_send_away, websocket.scope)
                )
            except Refused as refused:
                await deny(websocket, refused)
                return
            try:
                await websocket.accept()
                await self.handler(websocket, services, **query)
            finally:
                services.admission.leave(place)

        return WebSocketRoute(self.path, serve)

    def _query(self, connection: WebSocket | Request, services: Services) -> dict[str, Any]:
        if self.query is None:
            return {}
        return {"query": query_of(connection, self.query, services.limits)}


class _Held:
    """The answer of an event stream, which has its place until all is sent."""

    def __init__(self, response: ASGIApp, admission: Admission, place: Place) -> None:
        self._response = response
        self._admission = admission
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._response(scope, receive, send)
        finally:
            self._admission.leave(self._place)


def _send_away(scope: Scope, spread_ms: int) -> None:
    connection_of(scope).evict(RESTART, f'{{"spread_ms":{spread_ms}}}')


def _end(scope: Scope, _spread_ms: int) -> None:
    """A client of events comes back when it was told to, by ``retry``."""
    connection = http_connection_of(scope)
    if connection is not None:
        connection.end_stream()


def websocket(
    path: str,
    *,
    query: type[msgspec.Struct] | None = None,
    sends: Frames = (),
    hears: Frames = (),
) -> Callable[[Handler], Stream]:
    """Make a function of (websocket, services[, query]) a ``Stream``."""

    def decorate(handler: Handler) -> Stream:
        return Stream(path, "websocket", handler, query, sends, hears)

    return decorate


def events(
    path: str, *, query: type[msgspec.Struct] | None = None, sends: Frames = ()
) -> Callable[[Handler], Stream]:
    """Make a function of (request, services[, query]) a ``Stream`` of server-sent events."""

    def decorate(handler: Handler) -> Stream:
        return Stream(path, "events", handler, query, sends, ())

    return decorate


async def deny(websocket: WebSocket, refused: Refused) -> None:
    """Refuse a WebSocket before it is accepted, with the error envelope."""
    request_id = request_id_of(websocket.scope)
    headers = {**refused.headers, "x-request-id": request_id}
    response = failure(
        refused.status, refused.sentence, request_id, field=refused.field, headers=headers
    )
    await websocket.send_denial_response(response)


def wanted(text: str | None) -> list[str]:
    """Return the names of a comma list, none for None."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]

"""Around every HTTP request: its id, the headers that keep browsers safe, the shape of errors.

In comes any request; out goes its answer with ``X-Request-Id``, or, whatever was raised below, the
error envelope. A request id that a proxy gave is kept if it is short and plain.
"""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus.log import Log
from web.answers import Refused, failure

_is_id = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII).fullmatch

_REQUEST_ID = "tickwire.request_id"
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of everything that is no page: it may load nothing and stand in no frame."""


class Marked:
    """The outermost layer: each request gets its id, each answer the headers that all have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        scope[_REQUEST_ID] = request_id

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                headers.setdefault("content-security-policy", NOTHING)
            await send(message)

        await self._app(scope, receive, send_marked)


class Caught:
    """The innermost layer: whatever a route raises becomes the error envelope.

    Args:
        app: the routes.
        log: where an error of ours is told, with the request's id.
    """

    def __init__(self, app: ASGIApp, log: Log) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        # Routing raises a 404 or 405 only below an application; else it answers in plain text.
        scope["app"] = self
        request_id = scope[_REQUEST_ID]
        try:
            await self._app(scope, receive, send_noting)
            return
        except Refused as refused:
            response = failure(
                refused.status,
                refused.sentence,
                request_id,
                field=refused.field,
                headers=refused.headers,
            )
        except HTTPException as refused:
            sentence = _sentence(refused.status_code, scope)
            response = failure(refused.status_code, sentence, request_id, headers=refused.headers)
        except ClientDisconnect:
            return
        except Exception as error:
            self._log.exception("web.error", request_id=request_id, path=scope["path"][:200])
            if started:
                raise
            response = failure(500, f"an error of ours: {type(error).__name__}", request_id)
        await response(scope, receive, send)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request: the one it came with, or a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _is_id(given) else secrets.token_hex(8)


def _sentence(status: int, scope: Scope) -> str:
    if status == 404:
        return f"there is nothing at {scope['path'][:200]}"
    if status == 405:
        return f"{scope['path'][:200]} does not take {scope['method'][:16]}"
    return "the request cannot be answered"

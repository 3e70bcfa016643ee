"""Around every HTTP request: its id, the headers that keep browsers safe, the shape of errors.

In comes any request; out goes its answer with ``X-Request-Id``, or, whatever was raised below, the
error envelope. A request id that a proxy gave is kept if it is short and plain; whatever is logged
while the request or the WebSocket lasts has it. Nothing is logged of a request that went well.
"""

import re
import secrets
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus import log
from bus.heartbeat import Health
from bus.log import Log
from web.answers import Refused, failure
from web.rate_limits import headers_of
from web.traffic import Requests

_is_id = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII).fullmatch

_REQUEST_ID = "tickwire.request_id"
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of everything that is no page: it may load nothing and stand in no frame."""
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "content-security-policy": NOTHING,
}
"""What every answer has, unless a route says otherwise."""
_SAFE = tuple((name.encode(), value.encode()) for name, value in SAFE.items())


class Marked:
    """The outermost layer: each request gets its id, each answer the headers that all have.

    Args:
        app: the layers below.
        health: where the answers are counted, with the time until each began.
    """

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._requests = Requests(health)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        request_id = scope[_REQUEST_ID] = request_id_of(scope)
        # It is not unbound: the task is this request's own, and what serves it may log yet.
        log.bind(request_id=request_id)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.answered(scope, message["status"], time.perf_counter() - began)
                given = message["headers"]
                names = {name for name, _ in given}
                message["headers"] = [
                    *given,
                    (b"x-request-id", request_id.encode()),
                    *headers_of(scope),
                    *[each for each in _SAFE if each[0] not in names],
                ]
            await send(message)

        await self._app(scope, receive, send_marked)


class Caught:
    """The innermost layer: whatever a route raises becomes the error envelope.

    Args:
        app: the routes.
        log: where an error of ours is told.
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
            self._log.exception("web.error", path=scope["path"][:200])
            if started:
                raise
            response = failure(500, f"an error of ours: {type(error).__name__}", request_id)
        await response(scope, receive, send)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request or WebSocket: the one it has, or came with, or a new one."""
    if _REQUEST_ID in scope:
        return str(scope[_REQUEST_ID])
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _is_id(given) else secrets.token_hex(8)


def _sentence(status: int, scope: Scope) -> str:
    if status == 404:
        return f"there is nothing at {scope['path'][:200]}"
    if status == 405:
        return f"{scope['path'][:200]} does not take {scope['method'][:16]}"
    return "the request cannot be answered"

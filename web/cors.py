"""Which pages elsewhere may read our answers: those of CORS_ORIGIN, by the headers for browsers.

In comes any request; out goes its answer with the headers for its origin, or what a browser asks
beforehand is answered here. A refusal is the error envelope, as everywhere.
"""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from web.answers import failure
from web.envelope import request_id_of


class Shared(CORSMiddleware):
    """Starlette's own, but for how it refuses.

    Args:
        app: the layers below.
        origins: whose pages may; ``*`` is all.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=(
                *("authorization", "content-type"),
                *("if-none-match", "last-event-id", "x-request-id"),
            ),
            expose_headers=(
                *("x-request-id", "retry-after", "etag", "link", "x-next-cursor"),
                *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
            ),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        asks = "origin" in headers and "access-control-request-method" in headers
        if not asks or scope["method"] != "OPTIONS":
            await super().__call__(scope, receive, send)
            return
        response = self.preflight_response(headers)
        if response.status_code >= 400:
            known = self.is_allowed_origin(origin=headers["origin"])
            what = "send this method or these headers" if known else "read answers"
            given = {k: v for k, v in response.headers.items() if not k.startswith("content-")}
            sentence = f"a page of this origin may not {what}"
            response = failure(403, sentence, request_id_of(scope), headers=given)
        await response(scope, receive, send)

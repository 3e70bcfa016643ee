"""Routes that say what they take and what they answer, and the one shape of every error.

A function becomes an ``Endpoint`` by ``route(path, query=Struct, body=Struct, answer=type)``. In
comes a request; out goes the JSON of what the function returned, or the error envelope with a
status of its own. A query or body that does not fit is a 400 that names the field; nothing that a
client sends can make it a 500. The types stay on the ``Endpoint``: the OpenAPI document will be
made from them.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg import errors
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.errors import TickwireError, UnknownSymbol
from store.pool import is_waitable
from web.limits import Limits
from web.services import Services

RETRY_AFTER_S = 2
_VALUE_CHARS_MAX = 256
_encode = msgspec.json.Encoder(decimal_format="number").encode
_field_of = re.compile(r"`\$\.([A-Za-z_]+)|field `([A-Za-z_]+)`").search

NOT_MIGRATED = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)
"""At the very first start the database answers before its tables are made."""

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


class Refused(TickwireError):
    """The request cannot be answered: a status, a sentence, and the field that is to blame."""

    def __init__(
        self, status: int, sentence: str, *, field: str | None = None, retry_after_s: int = 0
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.field = field
        self.headers = {"retry-after": str(retry_after_s)} if retry_after_s else {}


class Problem(msgspec.Struct):
    """What went wrong."""

    code: str
    message: str
    field: str | None
    request_id: str


class Envelope(msgspec.Struct):
    """The body of every error."""

    success: bool
    error: Problem


def failure(
    status: int,
    sentence: str,
    request_id: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the error envelope as a response."""
    code = CODES.get(status, CODES[500] if status >= 500 else CODES[400])
    body = Envelope(success=False, error=Problem(code, sentence, field, request_id))
    return answer(body, status=status, headers=headers)


def answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return any value as JSON; Decimals are written as numbers."""
    all_headers = {"cache-control": "no-store", **(headers or {})}
    return Response(_encode(value), status, all_headers, "application/json")


Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """One route: where, what it takes, what it answers, and the function that does it."""

    path: str
    method: str
    handler: Handler
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answer: Any
    errors: tuple[int, ...]

    def on(self, services: Services) -> Route:
        """Return the route as Starlette takes it."""
        decoder = msgspec.json.Decoder(self.body) if self.body is not None else None

        async def endpoint(request: Request) -> Response:
            arguments: dict[str, Any] = {}
            if self.query is not None:
                arguments["query"] = _query(request, self.query, services.limits)
            if decoder is not None:
                arguments["body"] = await _body(request, decoder, services.limits)
            try:
                return answer(await self.handler(services, **arguments))
            except UnknownSymbol as unknown:
                raise Refused(404, str(unknown), field="symbol") from None
            except Exception as error:
                if not is_waitable(error) and not isinstance(error, NOT_MIGRATED):
                    raise
                sentence = "the database does not answer; live data is not affected"
                raise Refused(503, sentence, retry_after_s=RETRY_AFTER_S) from error

        return Route(self.path, endpoint, methods=[self.method])


def route(
    path: str,
    *,
    method: str = "GET",
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
    answer: Any = None,
    errors: tuple[int, ...] = (),
) -> Callable[[Handler], Endpoint]:
    """Make a function of (services[, query][, body]) an ``Endpoint``."""

    def decorate(handler: Handler) -> Endpoint:
        return Endpoint(path, method, handler, query, body, answer, errors)

    return decorate


def _query(request: Request, wanted: type[msgspec.Struct], limits: Limits) -> msgspec.Struct:
    if len(request.scope["query_string"]) > limits.query_chars:
        raise Refused(400, f"the query is longer than {limits.query_chars} characters")
    given = {key: value for key, value in request.query_params.items() if value != ""}
    for key, value in given.items():
        if len(value) > _VALUE_CHARS_MAX and key != "symbols":
            raise Refused(
                400, f"{key[:64]} is longer than {_VALUE_CHARS_MAX} characters", field=key[:64]
            )
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as wrong:
        raise _refused(wrong) from None


async def _body(
    request: Request, decoder: msgspec.json.Decoder[Any], limits: Limits
) -> msgspec.Struct:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "the body must be application/json")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limits.body_bytes:
            raise Refused(413, f"the body is larger than {limits.body_bytes} bytes")
    try:
        decoded: msgspec.Struct = decoder.decode(received)
    except msgspec.ValidationError as wrong:
        raise _refused(wrong) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise Refused(400, "the body is not JSON") from None
    return decoded


def _refused(wrong: msgspec.ValidationError) -> Refused:
    found = _field_of(str(wrong))
    return Refused(400, str(wrong), field=(found[1] or found[2]) if found else None)

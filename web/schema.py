"""Routes that say what they take and what they answer.

A function becomes an ``Endpoint`` by ``route(path, query=Struct, body=Struct, answer=type)``. In
comes a request; out goes the JSON of what the function returned (a ``Page`` with where the next one
is; a list as CSV for ``format=csv``), or the error envelope with a status of its own. Parts of the
path, ``/prices/{symbol}``, are fields of the query Struct. What does not fit is a 400 that names
the field; nothing that a client sends can make it a 500. The types stay on the ``Endpoint``: the
OpenAPI document is made from them.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from psycopg import errors
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bus.errors import UnknownSymbol
from store.pool import is_waitable
from web import cursors
from web.answers import Page, Refused, answer, paged, table, tagged
from web.limits import Limits
from web.patience import within
from web.rate_limits import Limit
from web.services import Services

RETRY_AFTER_S = 2
JSON = "application/json"
_VALUE_CHARS_MAX = 256
_AWAY = (TimeoutError, errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)
"""At the very first start the database answers before its tables are made."""
_field_of = re.compile(r"`\$\.([A-Za-z_]+)|field `([A-Za-z_]+)`").search
_in_path = re.compile(r"{([a-z_]+)(?::[a-z]+)?}").findall

Format = Literal["json", "csv"]
Handler = Callable[..., Any]


class Paging(msgspec.Struct, kw_only=True):
    """The fields of a query for a list: how many at most, and where to go on."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    cursor: Annotated[str, msgspec.Meta(max_length=cursors.CHARS_MAX)] | None = None


@dataclass(frozen=True)
class Endpoint:
    """One route: where, what it takes, what it answers, and the function that does it.

    The function of an answer that waits for nobody, because it is in memory, is a plain one.
    """

    path: str
    method: str
    handler: Handler
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answer: Any
    errors: tuple[int, ...]
    etag: bool
    limit: Limit | None
    account: str
    media_type: str = JSON

    @property
    def template(self) -> str:
        """The path as documents write it, ``/api/prices/{symbol}/history``."""
        return re.sub(r"{([a-z_]+):[a-z]+}", r"{\1}", self.path)

    @property
    def in_path(self) -> tuple[str, ...]:
        """The names of the fields that stand in the path."""
        return tuple(_in_path(self.path))

    @property
    def has_csv(self) -> bool:
        """True when ``format=csv`` can be asked for."""
        return self.query is not None and "format" in self.query.__struct_encode_fields__

    def on(self, services: Services) -> Route:
        """Return the route as Starlette takes it."""
        return Route(self.path, _Served(self, services), methods=[self.method])

    def respond(self, request: Request, value: Any, query: Any) -> Response:
        """Return what the function returned as the response."""
        cursor = None
        if isinstance(value, Page):
            value, cursor = value.rows, value.cursor
        if self.media_type != JSON:
            response = Response(value, 200, {"cache-control": "no-store"}, self.media_type)
        elif self.has_csv and query.format == "csv":
            name = self.path.rpartition("/")[2]
            response = table(value, self.answer, name)
        else:
            response = answer(value)
        if self.etag:
            response = tagged(request, response)
        return paged(request, response, cursor)


class _Served:
    """An endpoint with what its function needs, as an ASGI application.

    As such Starlette calls it without the layers that catch what a function raises:
    ``web.envelope.Caught`` does.
    """

    def __init__(self, endpoint: Endpoint, services: Services) -> None:
        self._endpoint = endpoint
        self._services = services
        body = endpoint.body
        self._decoder = msgspec.json.Decoder(body) if body is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint, services = self._endpoint, self._services
        if endpoint.limit is not None:
            services.rates.admit(endpoint.limit, scope)
        request = Request(scope, receive)
        arguments: dict[str, Any] = {}
        if endpoint.query is not None:
            arguments["query"] = query_of(request, endpoint.query, services.limits)
        if self._decoder is not None:
            arguments["body"] = await _body(request, self._decoder, services.limits)
        try:
            value = await self._value(scope, arguments)
        except UnknownSymbol as unknown:
            raise Refused(404, str(unknown), field=_field_of_symbol(request)) from None
        except Exception as error:
            if not is_away(error):
                raise
            sentence = "the database does not answer; live data is not affected"
            raise Refused(503, sentence, retry_after_s=RETRY_AFTER_S) from error
        response = endpoint.respond(request, value, arguments.get("query"))
        await response(scope, receive, send)

    async def _value(self, scope: Scope, arguments: dict[str, Any]) -> Any:
        endpoint, services = self._endpoint, self._services
        if endpoint.limit == "sign_in":
            account = getattr(arguments["body"], endpoint.account)
            admitted = services.rates.admit_sign_in(services.pool, account, scope)
            await within(services.limits.answer_within_s, admitted)
        value = endpoint.handler(services, **arguments)
        if isinstance(value, Coroutine):
            value = await within(services.limits.answer_within_s, value)
        return value


def _field_of_symbol(request: Request) -> str:
    """Return which field named a symbol, for the error that says that there is none."""
    given = {*request.query_params, *request.path_params}
    names = ("symbol", "pair", "coin_id", "symbols", "coins")
    return next((name for name in names if name in given), "symbol")


def is_away(error: Exception) -> bool:
    """True when the database cannot answer now: it is down, slow, or has no tables yet."""
    return isinstance(error, _AWAY) or is_waitable(error)


def route(
    path: str,
    *,
    method: str = "GET",
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
    answer: Any = None,
    errors: tuple[int, ...] = (),
    etag: bool = False,
    limit: Limit | None = "general",
    account: str = "",
    media_type: str = JSON,
) -> Callable[[Handler], Endpoint]:
    """Make a function of (services[, query][, body]) an ``Endpoint``.

    ``etag``: the answer carries one, and who has it already gets a 304. ``limit``: the class of
    requests that it is counted with (``web.rate_limits``); None: it may be asked any number of
    times. With ``sign_in``, ``account`` is the field of the body that names who wants in. With
    another ``media_type`` than JSON the function returns the text itself.
    """

    def decorate(handler: Handler) -> Endpoint:
        return Endpoint(
            path,
            method,
            handler,
            query,
            body,
            answer,
            errors,
            etag,
            limit,
            account,
            media_type,
        )

    return decorate


def query_of(request: HTTPConnection, wanted: type[msgspec.Struct], limits: Limits) -> Any:
    """Return the query of a request (or WebSocket) and the parts of its path as a Struct.

    A blank value is as good as none.

    Raises:
        Refused: 400, it is too long or does not fit; the field is named.
    """
    text = request.scope["query_string"]
    if len(text) > limits.query_chars:
        raise Refused(400, f"the query is longer than {limits.query_chars} characters")
    given: dict[str, Any] = dict(request.path_params)
    if text:
        asked = {k: v for k, v in request.query_params.items() if v.strip()}
        given = asked | given
    for key, value in given.items():
        if len(value) > _VALUE_CHARS_MAX and key not in ("symbols", "coins", "pairs", "cursor"):
            raise Refused(
                400, f"{key[:64]} is longer than {_VALUE_CHARS_MAX} characters", field=key[:64]
            )
    try:
        return msgspec.convert(given, wanted, strict=False)
    except msgspec.ValidationError as wrong:
        raise _refused(wrong, wanted, given) from None


async def _body(
    request: Request, decoder: msgspec.json.Decoder[Any], limits: Limits
) -> msgspec.Struct:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Refused(415, "the body must be application/json")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limits.body_bytes:
            raise Refused(413, f"the body is larger than {limits.body_bytes} bytes")
    try:
        decoded: msgspec.Struct = decoder.decode(received)
    except msgspec.ValidationError as wrong:
        raise _refused(wrong, decoder.type, {}) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise Refused(400, "the body is not JSON") from None
    return decoded


def _refused(
    wrong: msgspec.ValidationError, wanted: type[msgspec.Struct], given: Mapping[str, Any]
) -> Refused:
    """Return the refusal: which field, what was found, and where there are few, the choices."""
    found = _field_of(str(wrong))
    name = str(found[1] or found[2]) if found else None
    sentence = str(wrong)
    if name is not None and "missing required field" in sentence:
        sentence = f"{name} is missing"
    choices = _choices(wanted).get(name or "")
    if name is not None and choices and name in given:
        sentence = f"{name} was {str(given[name])[:64]!r}, must be one of {', '.join(choices)}"
    return Refused(400, sentence, field=name)


def _choices(wanted: type[msgspec.Struct]) -> dict[str, tuple[str, ...]]:
    """Return the fields that are one of some words, with these words."""
    hints = get_type_hints(wanted)
    found = {}
    for field in msgspec.structs.fields(wanted):
        literals = [hints[field.name], *get_args(hints[field.name])]
        words = [get_args(one) for one in literals if get_args(one)]
        words = [choices for choices in words if all(isinstance(each, str) for each in choices)]
        if words:
            found[field.encode_name] = words[0]
    return found

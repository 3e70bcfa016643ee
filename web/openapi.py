"""The OpenAPI 3.1 document: every HTTP route, as it describes itself.

In come the endpoints and the event streams; out goes the document that ``/openapi.json`` answers.
Summaries are the first sentences of docstrings, schemas those of the Structs: what a route does not
say in its code is not said here either. Knows no request and no setting.
"""

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import msgspec

from web.answers import CODES, Envelope
from web.json_schema import Schema, components, described, fields, prose
from web.schema import Endpoint
from web.stream import Stream

DESCRIPTION = """\
Market data as it is stored and as it is this moment, without an account.

- **Prices and sizes** are JSON numbers with the exchange's own digits, a price in units of its
  quote, a size in units of its base. A missing value is `null`; `NaN` does not exist.
- **Times** are ISO-8601 in UTC with a `Z`; a field that is said to be epoch ms is a number. Ranges
  are half-open: `from` belongs to them, `to` does not.
- **Symbols** are `BASE-QUOTE`, as in `ETH-USDT`, or with their exchange `binance:ETH-USDT`;
  `ETHUSDT`, `ETH/USDT`, `eth` and `ethereum` are understood too. Without an exchange the first
  configured one that has the symbol answers.
- **Errors** have one shape on every route, the schema `Envelope`: a code, a sentence, the field
  that is to blame, and the request's id, which every answer carries as `X-Request-Id`. Too many
  or too large headers are a 431, a query that is too long is a 400.
- **Limits** are by the address that asks: a bucket of requests for each of the classes `market`
  and `general`, refilled evenly within a minute. Every answer of a limited route says how many the
  bucket holds, how many are left and in how many seconds it is full again, in `X-RateLimit-Limit`,
  `X-RateLimit-Remaining` and `X-RateLimit-Reset`; an empty one is a 429 with `Retry-After`.

WebSockets, events and the ZeroMQ tap are in [/asyncapi.json](/asyncapi.json).
"""
MEANINGS = {
    304: "Not modified: the ETag in `If-None-Match` is that of the answer.",
    400: "Malformed, or a value that does not fit: `field` names it.",
    401: "Who asks is not known.",
    403: "Who asks may not.",
    404: "There is no such thing: the message names it, and where there is one, the nearest.",
    409: "It is in conflict with what there is already.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    429: "Too many requests: `Retry-After` says for how long to wait.",
    503: "Something that the answer needs is away: `Retry-After` says for how long to wait.",
}
_MOMENT = {"format": "date-time", "examples": ["2025-09-30T00:00Z"]}
PARAMETERS: dict[str, Schema] = {
    "symbol": {"description": "A symbol in any spelling.", "examples": ["ETH-USDT"]},
    "pair": {"description": "A symbol in any spelling.", "examples": ["ETHUSDT"]},
    "symbols": {
        "description": "Symbols in any spelling, comma separated; all by default.",
        "examples": ["BTC,ETH"],
    },
    "coins": {
        "description": "Coins by id, code or symbol, comma separated; all by default.",
        "examples": ["bitcoin,ethereum"],
    },
    "pairs": {"description": "Pairs, comma separated; all by default.", "examples": ["ETHUSDT"]},
    "exchange": {"description": "The exchange, where several have the symbol."},
    "from": {"description": "First moment of the range, ISO-8601.", **_MOMENT},
    "to": {"description": "End of the range, itself not in it, ISO-8601.", **_MOMENT},
    "limit": {"description": "How many at most."},
    "cursor": {"description": "Where to go on: `X-Next-Cursor` of the answer before."},
    "format": {"description": "`csv`: a table with a line of names first."},
    "interval": {"description": "Length of a candle."},
    "sort": {"description": "What comes first."},
}
"""What a parameter of that name means, on whatever route, where its own field does not say it."""
_REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_LIMIT = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_CLASSES = {
    "general": "Counted among the `general` requests of an address.",
    "market": "Counted among the `market` requests of an address.",
    "sign_in": "Counted exactly, by the address and by the account that is named, and among the "
    "`general` requests of an address.",
}
_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {
        "description": "Names this request in the logs; a short plain one of yours is kept.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Names this very answer.",
        "schema": {"type": "string"},
    },
    "X-Next-Cursor": {
        "description": "The `cursor` of what follows; absent on the last page.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'The address of what follows, `rel="next"`; absent on the last page.',
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {
        "description": "Requests that may be made at once, and in each minute.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-RateLimit-Remaining": {
        "description": "Requests that may be made at once from now.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-RateLimit-Reset": {
        "description": "Seconds until that many are again the whole limit.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def document(
    endpoints: Sequence[Endpoint], streams: Sequence[Stream], version: str
) -> dict[str, Any]:
    """Return the document."""
    described_types: list[Any] = [Envelope]
    for each in endpoints:
        described_types += [one for one in (each.answer, each.body) if one is not None]
    schemas, named = components(described_types)
    by_type = dict(zip(described_types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    statuses = {304}
    for endpoint in endpoints:
        operation = _operation(endpoint, by_type)
        paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = operation
        statuses |= {int(status) for status in operation["responses"]}
    events = [stream for stream in streams if stream.kind == "events"]
    for stream in events:
        paths[stream.path] = {"get": _subscription(stream)}
        statuses |= {400, 404}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tickwire",
            "version": version,
            "summary": "Real-time crypto market data: prices, candles, averages, trades",
            "description": DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": _tags([*endpoints, *events]),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": named,
            "responses": {
                _name(status): _failure(status) for status in sorted(statuses) if status >= 300
            },
            "headers": _HEADERS,
        },
    }


def subject(described: Endpoint | Stream) -> str:
    """Return the subject of a route: the name of the file that it stands in."""
    return described.handler.__module__.rpartition(".")[2]


def parameters(query: Any, in_path: Sequence[str] = ()) -> list[Schema]:
    """Return the parameters that are the fields of a query Struct."""
    if query is None:
        return []
    required = {field.encode_name for field in msgspec.structs.fields(query) if field.required}
    made = []
    for name, schema in fields(query).items():
        schema = {**PARAMETERS.get(name, {}), **_without_null(schema)}
        placed = name in in_path
        parameter: Schema = {"name": name, "in": "path" if placed else "query"}
        parameter["required"] = placed or name in required
        parameter["description"] = schema.pop("description", "")
        if not parameter["required"]:
            parameter["allowEmptyValue"] = True  # which is as good as none
        elif "examples" in schema:
            parameter["example"] = schema["examples"][0]
        made.append({**parameter, "schema": schema})
    return sorted(made, key=lambda each: (each["in"] != "path", not each["required"]))


def _operation(endpoint: Endpoint, by_type: dict[Any, Schema]) -> dict[str, Any]:
    summary, rest = prose(endpoint.handler.__doc__)
    operation: dict[str, Any] = {
        "operationId": _identity(endpoint.method, endpoint.template),
        "tags": [subject(endpoint)],
        "summary": summary.removesuffix(".").replace("`", ""),
        "description": "\n\n".join(
            filter(None, (rest, _notes(endpoint.query), _counted(endpoint)))
        ),
    }
    found = parameters(endpoint.query, endpoint.in_path)
    if endpoint.etag:
        header = {"description": "An ETag that is known already.", "schema": {"type": "string"}}
        found.append({"name": "If-None-Match", "in": "header", "required": False, **header})
    if found:
        operation["parameters"] = found
    if endpoint.body is not None:
        content = {"application/json": {"schema": by_type[endpoint.body]}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {
        "200": _success(endpoint, by_type),
        **{str(status): _reference(status) for status in _refusals(endpoint)},
    }
    return operation


def _success(endpoint: Endpoint, by_type: dict[Any, Schema]) -> dict[str, Any]:
    schema = by_type[endpoint.answer] if endpoint.answer is not None else {"type": "string"}
    media_type = endpoint.media_type.partition(";")[0]
    content: dict[str, Any] = {media_type: {"schema": schema}}
    if endpoint.has_csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    names = ["X-Request-Id"]
    if endpoint.etag:
        names.append("ETag")
    if endpoint.query is not None and "cursor" in endpoint.query.__struct_encode_fields__:
        names += ["X-Next-Cursor", "Link"]
    if endpoint.limit is not None:
        names += _LIMIT
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"description": "The answer.", "headers": headers, "content": content}


def _refusals(endpoint: Endpoint) -> list[int]:
    """Return the statuses other than 200, those that follow from the route's shape included."""
    found = set(endpoint.errors)
    if endpoint.query is not None:
        found.add(400)
    if endpoint.body is not None:
        found |= {400, 413, 415}
    if endpoint.etag:
        found.add(304)
    if endpoint.limit is not None:
        found.add(429)
    if endpoint.limit == "sign_in":
        found.add(503)  # it is counted in the database
    return sorted(found)


def _subscription(stream: Stream) -> dict[str, Any]:
    """Return the operation that opens an event stream."""
    summary, rest = prose(stream.handler.__doc__)
    return {
        "operationId": _identity("GET", stream.path),
        "tags": [subject(stream)],
        "summary": summary.removesuffix(".").replace("`", ""),
        "description": "\n\n".join(filter(None, (rest, _notes(stream.query)))),
        "parameters": parameters(stream.query),
        "responses": {
            "200": {
                "description": "Events for as long as the connection is open: /asyncapi.json.",
                "headers": _REQUEST_ID,
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "400": _reference(400),
            "404": _reference(404),
        },
    }


def _identity(method: str, template: str) -> str:
    """Return the name of an operation in generated clients: ``get_api_prices_symbol_history``."""
    return "_".join([method.lower(), *re.findall(r"\w+", template)])


def _tags(described_routes: Iterable[Endpoint | Stream]) -> list[dict[str, str]]:
    found = {}
    for each in described_routes:
        found[subject(each)] = prose(import_module(each.handler.__module__).__doc__)[0]
    return [{"name": name, "description": found[name]} for name in sorted(found)]


def _name(status: int) -> str:
    return CODES.get(status, "NOT_MODIFIED")


def _reference(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _failure(status: int) -> dict[str, Any]:
    """Return the component that describes the answer with that status."""
    headers = dict(_REQUEST_ID)
    if status == 304:
        return {"description": MEANINGS[status], "headers": headers}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    if status == 429:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT}
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Envelope"},
            {"properties": {"error": {"properties": {"code": {"const": CODES[status]}}}}},
        ]
    }
    content = {"application/json": {"schema": schema}}
    return {"description": MEANINGS[status], "headers": headers, "content": content}


def _counted(endpoint: Endpoint) -> str:
    return _CLASSES[endpoint.limit] if endpoint.limit is not None else ""


def _notes(query: Any) -> str:
    return described(query) if query is not None else ""


def _without_null(schema: Schema) -> Schema:
    """Return the schema of an optional parameter: it is left out, never null."""
    schema = dict(schema)
    if "enum" in schema:
        schema["type"] = "string"  # what stands in an address always is
    if schema.get("default", "") is None:
        del schema["default"]
    others = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(others) == 1:
        del schema["anyOf"]
        schema = {**others[0], **schema}
    elif others:
        schema["anyOf"] = others
    return schema

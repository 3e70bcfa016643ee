"""``/openapi.json``, ``/asyncapi.json`` and ``/docs``: made once at start, answered from memory.

In come the routes and streams, which describe themselves; out go the two documents and the page
that shows them: the HTTP routes by Swagger UI, in the browser, the streams as plain text and tables
that need no script. The page loads our own files only, runs nothing inline, and its Swagger UI is
only ever given ``/openapi.json``.
"""

import html
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bus.settings import Settings
from web import asyncapi, openapi
from web.assets import Asset, policy
from web.json_schema import Schema
from web.schema import Endpoint
from web.services import Services
from web.stream import Stream
from web.type_text import text_of

PLACE = "<!-- streams -->"
"""Where the page's file wants the streams."""
BANNER_PLACE = "<!-- simulated -->"
BANNER = (
    '<aside class="simulated" aria-label="What is shown">'
    "<strong>SIMULATED</strong> exchange data</aside>"
)
"""What every page of an installation with simulated exchanges says, and where this one does."""
_EVERYWHERE = ("0.0.0.0", "::", "")
_in_backticks = re.compile(r"`([^`]+)`").sub
_word = re.compile(r"\w+", re.ASCII).sub


def routes(
    services: Services, endpoints: Sequence[Endpoint], streams: Sequence[Stream], page: bytes
) -> list[Route]:
    """Return the routes of the documents, and of the page whose file is ``page``."""
    settings, encode = services.settings, msgspec.json.encode
    on_http = openapi.document(endpoints, streams, services.version)
    live = asyncapi.document(
        streams, services.version, web=_host(settings), tap=_tap(settings.tap_endpoint)
    )
    banner = BANNER if settings.simulated else ""
    text = page.decode().replace(BANNER_PLACE, banner).replace(PLACE, streams_of(live))
    return [
        _route("/openapi.json", Asset.of(encode(on_http), "application/json")),
        _route("/asyncapi.json", Asset.of(encode(live), "application/json")),
        _route("/docs", Asset.of(text.encode(), "text/html"), policy()),
    ]


def _route(path: str, asset: Asset, may_load: str | None = None) -> Route:
    async def answer(request: Request) -> Response:
        response = asset.answer(request)
        if may_load is not None:
            response.headers["content-security-policy"] = may_load
        return response

    return Route(path, answer)


def _host(settings: Settings) -> str:
    host = "localhost" if settings.host in _EVERYWHERE else settings.host
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def _tap(endpoint: str) -> str:
    return endpoint.partition("://")[2]


def streams_of(document: dict[str, Any]) -> str:
    """Return the channels and types of an AsyncAPI document as HTML."""
    named = document["components"]["schemas"]
    channels = [_channel(key, one, document) for key, one in document["channels"].items()]
    types = [_type(name, schema, named) for name, schema in named.items()]
    return "\n".join([*channels, '<h2 id="types">Types</h2>', *types])


def _channel(key: str, channel: Schema, document: dict[str, Any]) -> str:
    server = document["servers"][channel["servers"][0]["$ref"].rpartition("/")[2]]
    kind = {"zmq": "ZeroMQ", "http": "Events", "ws": "WebSocket"}[server["protocol"]]
    parts = [
        f'<article class="stream" id="{html.escape(key)}">',
        f'<h3><span class="kind">{kind}</span> <code>{html.escape(channel["address"])}</code></h3>',
        f"<p>{_inline(channel['summary'])}</p>",
        *(f"<p>{_inline(each)}</p>" for each in _paragraphs(channel.get("description", ""))),
    ]
    query = channel.get("bindings", {}).get("ws", {}).get("query")
    if query is not None:
        parts += ["<h4>Query</h4>", _fields(query, document["components"]["schemas"])]
    for action, title in (("send", "It sends"), ("receive", "It takes")):
        operation = document["operations"].get(f"{key}_{action}")
        if operation is not None:
            parts += [f"<h4>{title}</h4>", "<ul>"]
            parts += [_message(each["$ref"], document) for each in operation["messages"]]
            parts += ["</ul>"]
    return "\n".join([*parts, "</article>"])


def _message(ref: str, document: dict[str, Any]) -> str:
    message = document["components"]["messages"][ref.rpartition("/")[2]]
    name, title = html.escape(message["name"]), html.escape(message["title"])
    shown = "".join(
        f"<pre><code>{html.escape(msgspec.json.encode(one['payload']).decode())}</code></pre>"
        for one in message.get("examples", ())
    )
    link = f'<a href="#{title}"><code>{name}</code></a>'
    return f"<li>{link} {_inline(message['summary'])}{shown}</li>"


def _type(name: str, schema: Schema, named: dict[str, Schema]) -> str:
    shown = html.escape(name)
    return "\n".join(
        [
            f'<article class="type" id="{shown}"><h3><code>{shown}</code></h3>',
            *(f"<p>{_inline(each)}</p>" for each in _paragraphs(schema.get("description", ""))),
            _fields(schema, named),
            "</article>",
        ]
    )


def _fields(schema: Schema, named: dict[str, Schema]) -> str:
    """Return the table of an object's fields."""
    required = schema.get("required", ())
    rows = []
    for name, each in schema.get("properties", {}).items():
        optional = "" if name in required else '<span class="optional">optional</span>'
        rows.append(
            f"<tr><td><code>{html.escape(name)}</code> {optional}</td>"
            f"<td><code>{_linked(text_of(each), named)}</code></td>"
            f"<td>{_inline(each.get('description', ''))}</td></tr>"
        )
    return f'<div class="fields"><table>{"".join(rows)}</table></div>' if rows else ""


def _linked(text: str, named: dict[str, Schema]) -> str:
    """Return a type expression with its types linked to where they stand."""

    def link(word: re.Match[str]) -> str:
        return f'<a href="#{word[0]}">{word[0]}</a>' if word[0] in named else word[0]

    return _word(link, html.escape(text, quote=False))


def _inline(text: str) -> str:
    return _in_backticks(r"<code>\1</code>", html.escape(text))


def _paragraphs(text: str) -> list[str]:
    return [each for each in text.split("\n\n") if each]

"""Requests that no decent client makes, as the bytes that go over the wire; one seed, one list.

The routes and their parameters are read from the OpenAPI document, so that a new route is attacked
as well. Each request is whole: whoever hears it knows what to answer, unless ``may_be_cut`` says
that a server may close the connection instead.
"""

import base64
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

WORDS = [
    *("", " ", "0", "-1", "-0", "1e9", "1e30", "1e-30", "NaN", "nan", "Infinity", "-Infinity"),
    *("1.5", "+1", "1_000", "0x10", "१२३", "12", "9" * 19, "9" * 250, "9" * 400, "null", "true"),
    *(
        "[]",
        "{}",
        "None",
        "undefined",
        "\x00",
        "a\x00b",
        "\r\nx: y",
        "\x1b[31m",
        "\u202e",
        "😀" * 60,
    ),
    *("'", "' OR 1=1 --", "'; DROP TABLE trade; --", '"', "\\", "%", "%s%n", "${7*7}", "{{7*7}}"),
    *("<script>alert(1)</script>", "../../etc/passwd", "..\\..", "a" * 256, "a" * 257, "é" * 200),
    *("ETH-USDT", "binance:ETH-USDT", ":", "binance:", ":ETH", "-", "ETH-", ",,,", "ETH," * 300),
    *("2025-09-30T00:00Z", "1900-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    *("9999-12-31T23:00:00-10:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),
    *("2025-13-45", "2025-09-30T25:61:61Z", "2025-09-30T00:00:00+99:99", "-2025-01-01", "1e400"),
    *(
        "2025-W40-2",
        "20250930",
        "2025-09-30 00:00:00 05:30",
        "275760-09-13",
        "1699999999456",
        "now",
    ),
    *("1m", "1w", "1y", "60", "csv", "CSV", "json", "xml", "volume", "losers"),
]
HEADERS = [
    *(b"X-Request-Id: " + each for each in (b"a b", b"x" * 65, b"\xff\xfe", b"", b"<script>")),
    *(b"If-None-Match: " + each for each in (b"*", b'W/"x"', b'"' * 2000, b"," * 4000)),
    *(b"Accept-Encoding: " + each for each in (b"gzip;q=", b"gzip;q=nan", b"," * 3000, b"\xe9")),
    *(b"Content-Length: " + each for each in (b"-1", b"+0", b"0x0", b"1e3", b"9" * 40, b"0, 5")),
    *(b"Range: bytes=" + each for each in (b"0-0," * 6000, b"-" * 100, b"9" * 400 + b"-", b"5-1")),
    *(b"Host: " + each for each in (b"a/?x=", b"evil@b", b"[::1", b"a b", b"a" * 3000, b"\xff")),
    *(b"Transfer-Encoding: " + each for each in (b"identity", b"xchunked", b"chunked, chunked")),
    *(b"Cookie: " + each for each in (b"a=b; " * 3000, b"=", b"\xff=\xfe")),
    *(b"Authorization: " + each for each in (b"Bearer", b"Bearer " + b"x" * 9000, b"Basic ====")),
    *(b"Origin: " + each for each in (b"null", b"http://evil.example", b"https://[", b"\xff")),
    *(
        b"Content-Type: " + each
        for each in (b"text/plain", b"application/json; charset=x", b"\xff")
    ),
    *(b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: upgrade", b"Upgrade: h2c"),
    *(
        b"X" * 5000 + b": y",
        b"x y: z",
        b": empty",
        b"no colon",
        b"a\x00b: c",
        b" folded: 1",
        b"\xff: 1",
    ),
    *(b"X-Forwarded-For: " + b"1.2.3.4, " * 2000, b"Forwarded: for=\xff", b"X-Http-Method: DELETE"),
]
BODIES = [
    *(b"", b"{", b"null", b"[]", b'""', b"\xff\xfe", b"\x00" * 100, b'{"a":NaN}', b'{"a":1e999}'),
    *(b'{"a":' * 100_000, b"[" * 60_000, b'{"a":' * 9000 + b"1" + b"}" * 9000, b'{"a":1,"a":2}'),
    *(b'{"a":' + b"9" * 400 + b"}", b'{"a":"\\ud800"}', b'{"symbol":1}', b"{}" * 100),
    *(
        b"x" * (64 << 10),
        b"x" * ((64 << 10) + 1),
        b"x" * (10 << 20),
        b'{"user_id":1,"is_admin":true}',
    ),
]
METHODS = [
    *(b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND"),
    *(b"get", b"GETT", b"X" * 100, b"G\x00T", b"M-SEARCH", b"\xff\xff", b"PRI"),
]
PATHS = [
    *(b"//evil.example/", b"/@evil.example", b"http://evil.example/api/last", b"*", b"api/last"),
    *(b"/api/last/", b"/api//last", b"/API/LAST", b"/%61pi/last", b"/api/last%00", b"/api/last%0a"),
    *(b"/%ff%fe", b"/%zz", b"/%", b"/%2e%2e/%2e%2e/etc/passwd", b"/static/..%2f..%2fapp.py"),
    *(
        b"/static/../app.py",
        b"/static/%5c..%5c",
        b"/" + b"a/" * 4000,
        b"/" + b"%41" * 9000,
        b"/\xff\xfe",
    ),
    *(
        b"/api/last?" + b"&" * 2000,
        b"/api/last?" + b"a=1&" * 500,
        b"/api/last?symbols=%ff%fe",
        b"/?#",
    ),
    *(
        b"/api/last#x",
        b"/api/last;x=1",
        b"/ws",
        b"/ws/quotes",
        b"/nothing",
        b"/\x00",
        b"/a b",
        b"/api/last?\xe9",
    ),
]
LINES = [
    *(
        b"GET / HTTP/9.9",
        b"GET / HTTP/1.0",
        b"GET / HTTP/0.9",
        b"GET /",
        b"GET  /  HTTP/1.1",
        b"GET / http/1.1",
    ),
    *(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x",
        b"\x00" * 64,
        b"PRI * HTTP/2.0",
    ),
    *(
        b"GET / HTTP/1.1 x",
        b"GET\t/\tHTTP/1.1",
        b"GET / HTTP/11",
        b"GET / HTTP/1.1\x00",
        b"\xff" * 200,
    ),
]
LARGE = 30_000
"""Bytes; what is larger may still be on its way when it is refused, and the answer be lost."""
END = b"\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


class Sent(NamedTuple):
    """One request."""

    data: bytes
    """What goes over the wire."""
    may_be_cut: bool = False
    """True when the server may close the connection without an answer."""
    upgrades: bool = False
    """True when a WebSocket is asked for: it may be refused in plain text, or accepted."""
    ambiguous: bool = False
    """True when it could be one request or two: it must be refused, and nothing more be said."""


class Route(NamedTuple):
    """One route of the document."""

    method: bytes
    takes_body: bool
    path: str
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]


def routes_of(document: dict[str, Any]) -> list[Route]:
    """Return the routes of an OpenAPI document."""
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            given = [(each["in"], each["name"]) for each in operation.get("parameters", ())]
            in_path = tuple(name for where, name in given if where == "path")
            in_query = tuple(name for where, name in given if where == "query")
            takes_body = "requestBody" in operation
            found.append(Route(method.upper().encode(), takes_body, path, in_path, in_query))
    return found


def requests(routes: list[Route], seed: int, count: int) -> Iterator[Sent]:
    """Yield so many requests; the same ones for the same seed."""
    chance = Random(seed)
    kinds: list[Callable[[Random, list[Route]], Sent]] = [
        *(_values, _values, _values, _values),
        *(_header, _path, _method, _body, _line, _smuggling, _chunks, _headers, _upgrade, _noise),
    ]
    for _ in range(count):
        yield chance.choice(kinds)(chance, routes)


def _values(chance: Random, routes: list[Route]) -> Sent:
    """A route with values that do not fit, or that just do."""
    route = chance.choice(routes)
    path = route.path
    for name in route.in_path:
        path = path.replace(f"{{{name}}}", quote(_word(chance), safe=""))
    names = [*route.in_query, "unknown"]
    pairs = [
        f"{name}={quote(_word(chance), safe=chance.choice(['', ',:', '-']))}"
        for name in chance.choices(names, k=chance.randrange(6))
    ]
    head = route.method + b" " + f"{path}?{'&'.join(pairs)}".encode() + b" HTTP/1.1\r\nHost: x"
    return Sent(head + END)


def _word(chance: Random) -> str:
    if chance.random() < 0.1:
        return base64.urlsafe_b64encode(chance.randbytes(chance.randrange(60))).decode().rstrip("=")
    if chance.random() < 0.1:
        return "".join(chr(chance.randrange(1, 0xD800)) for _ in range(chance.randrange(40)))
    return chance.choice(WORDS)


def _header(chance: Random, routes: list[Route]) -> Sent:
    """A route with one to three headers that make no sense."""
    lines = b"\r\n".join(chance.choices(HEADERS, k=chance.randrange(1, 4)))
    path = chance.choice(routes).path.encode()
    data = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + lines + END
    return Sent(data, may_be_cut=len(lines) > LARGE)


def _path(chance: Random, routes: list[Route]) -> Sent:
    path = chance.choice(PATHS)
    return Sent(b"GET " + path + b" HTTP/1.1\r\nHost: x" + END, upgrades=b"/ws" in path)


def _method(chance: Random, routes: list[Route]) -> Sent:
    method, path = chance.choice(METHODS), chance.choice(routes).path.encode()
    return Sent(method + b" " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0" + END)


def _body(chance: Random, routes: list[Route]) -> Sent:
    """A body that is a bomb, garbage or too large, on routes that take one and that take none."""
    body = chance.choice(BODIES)
    route = chance.choice([one for one in routes if one.takes_body] or routes)
    method = chance.choice([route.method, b"POST"])
    kind = chance.choice([b"application/json", b"application/json", b"text/plain", b""])
    head = method + b" " + route.path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind
    length = f"\r\nContent-Length: {len(body)}".encode()
    return Sent(head + length + END + body, may_be_cut=len(body) > LARGE)


def _line(chance: Random, routes: list[Route]) -> Sent:
    return Sent(chance.choice(LINES) + b"\r\nHost: x" + END)


def _smuggling(chance: Random, routes: list[Route]) -> Sent:
    """Two ways at once to say where the body ends, with a second request where they differ."""
    lengths = chance.choice(
        [
            b"Content-Length: 4\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 4",
            b"Content-Length: 0\r\nContent-Length: " + str(len(SMUGGLED)).encode(),
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding:\tchunked\r\nContent-Length: 0",
        ]
    )
    body = b"0\r\n\r\n" + SMUGGLED
    head = b"POST /api/last HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n\r\n"
    return Sent(head + body, ambiguous=True)


def _chunks(chance: Random, routes: list[Route]) -> Sent:
    """A body in pieces that are none."""
    size = chance.choice(
        [b"zz", b"-1", b"f" * 17, b"1;" + b"x" * 20_000, b" 1", b"0x1", b"1\n", b""]
    )
    head = b"POST /api/last HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked" + END
    return Sent(head + size + b"\r\nx\r\n0\r\n\r\n")


def _headers(chance: Random, routes: list[Route]) -> Sent:
    """Too many headers, or too large ones."""
    many = b"\r\n".join(b"X-%d: y" % number for number in range(chance.choice([101, 500, 10_000])))
    large = b"X: " + b"y" * chance.choice([33_000, 100_000, 1 << 20])
    lines = chance.choice([many, large])
    return Sent(b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + END, may_be_cut=len(lines) > LARGE)


def _upgrade(chance: Random, routes: list[Route]) -> Sent:
    """A WebSocket that is asked for in a wrong way, or where there is none."""
    path = chance.choice([b"/ws", b"/ws/quotes", b"/ws/none", b"/", b"/api/last", b"/ws?x=%ff"])
    key = chance.choice([b"dGhlIHNhbXBsZSBub25jZQ==", b"", b"x", b"\xff", b"A" * 5000])
    version = chance.choice([b"13", b"12", b"99", b"", b"x"])
    origin = chance.choice([b"http://evil.example", b"null", b"http://x.evil.example"])
    head = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade"
    lines = b"\r\nOrigin: " + origin + b"\r\nSec-WebSocket-Key: " + key
    lines += b"\r\nSec-WebSocket-Version: " + version
    return Sent(head + lines + b"\r\n\r\n", upgrades=True)


def _noise(chance: Random, routes: list[Route]) -> Sent:
    """A good request with some bytes changed."""
    path = chance.choice(routes).path.encode()
    data = bytearray(b"GET " + path + b"?symbol=ETHUSDT HTTP/1.1\r\nHost: localhost")
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return Sent(bytes(data) + END)

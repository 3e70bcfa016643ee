"""Routes made from types: whatever is sent, the answer is the one shape of error, never a 500."""

import asyncio
import time
from decimal import Decimal
from typing import Annotated, cast

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.routing import Router

from bus.errors import UnknownSymbol
from bus.heartbeat import Health
from bus.log import Log
from bus.settings import Settings
from tests.web.asgi import Answer, ask
from web import rate_table
from web.answers import Refused, answer
from web.envelope import Caught, Marked
from web.limits import Limits
from web.rate_limits import RateLimits
from web.schema import route
from web.services import Services

SLOW_S = 0.2
"""No answer to a bad request may take longer."""


class Query(msgspec.Struct):
    name: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5


class Body(msgspec.Struct):
    text: str
    inner: dict[str, object] = {}
    count: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0


class Echo(msgspec.Struct):
    text: str
    limit: int


class Parts:
    """What a route uses of the services in these tests."""

    limits = Limits(body_bytes=1 << 20, answer_within_s=0.2)
    rates = RateLimits(Settings(rate_limit_general=0), Health("web-1"), rate_table.private())


@route("/echo", query=Query, answer=Echo)
async def echo(services: Services, query: Query) -> Echo:
    return Echo(query.name, query.limit)


@route("/body", method="POST", body=Body, answer=Echo)
async def body(services: Services, body: Body) -> Echo:
    return Echo(body.text, len(body.inner))


@route("/careless", method="POST", body=Body)
async def careless(services: Services, body: Body) -> Response:
    raise ValueError(f"what is {int(str(body.inner))}?")


@route("/raise/away")
async def away(services: Services) -> Response:
    raise psycopg.OperationalError("connection refused at 10.0.0.1, password=hunter2")


@route("/raise/unknown")
async def unknown(services: Services) -> Response:
    raise UnknownSymbol("FOO", "binance:FO-O")


@route("/raise/refused")
async def refused(services: Services) -> Response:
    raise Refused(429, "too many", retry_after_s=7)


@route("/raise/ours")
async def ours(services: Services) -> Response:
    raise ZeroDivisionError("secret")


@route("/slow")
async def slow(services: Services) -> Response:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets it")


ENDPOINTS = [echo, body, careless, away, unknown, refused, ours, slow]
SERVICES = cast(Services, Parts())
APP = Marked(
    Caught(
        Router([endpoint.on(SERVICES) for endpoint in ENDPOINTS], redirect_slashes=False),
        Log("tests"),
    ),
    Health("web-1"),
)


def asked(path: str, query: dict[str, str] | str = "", **headers: str) -> Answer:
    return asyncio.run(ask(APP, path, query, headers=headers))


def posted(*chunks: bytes, kind: str = "application/json", path: str = "/body") -> Answer:
    headers = {"content-type": kind}
    return asyncio.run(ask(APP, path, method="POST", headers=headers, chunks=chunks))


def test_a_query_is_read_into_its_type() -> None:
    assert asked("/echo", {"name": "é", "limit": "7"}).json == {"text": "é", "limit": 7}
    assert asked("/echo", {"name": "x", "limit": "", "other": "1"}).json["limit"] == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "name"),
        ({"name": "x", "limit": "0"}, "limit"),
        ({"name": "x", "limit": "11"}, "limit"),
        ({"name": "x", "limit": "1.5"}, "limit"),
        ({"name": "x", "limit": "9" * 200}, "limit"),
        ({"name": "x", "limit": "9" * 2000}, "limit"),
        ({"name": "x" * 300}, "name"),
        ({"name": "x" * 5000}, None),
    ],
)
def test_a_query_that_does_not_fit_names_the_field(
    query: dict[str, str], field: str | None
) -> None:
    answer = asked("/echo", query)
    assert answer.status == 400
    assert (answer.error["code"], answer.error["field"]) == ("BAD_REQUEST", field)


@pytest.mark.parametrize("query", [{}, {"name": ""}, {"name": " \t"}])
def test_a_blank_value_is_missing_and_said_to_be(query: dict[str, str]) -> None:
    assert asked("/echo", query).error["message"] == "name is missing"


def test_an_answer_that_takes_too_long_is_a_503() -> None:
    answer = asked("/slow")
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


def test_numbers_are_plain_however_small_and_texts_are_left_alone() -> None:
    value = [Decimal("1E-8"), Decimal("-2.5E-7"), Decimal("1E+3"), '"1E-8", \\', Decimal("0.5")]
    assert answer(value).body == b'[0.00000001,-0.00000025,1000,"\\"1E-8\\", \\\\",0.5]'


def test_a_body_is_read_into_its_type_in_however_many_pieces() -> None:
    assert posted(b'{"text":', b'"x"}').json == {"text": "x", "limit": 0}
    assert posted(b'{"text":"x"}', kind="Application/JSON; charset=utf-8").status == 200


BOMBS = [
    (b'{"text":"x","inner":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, 400),
    (b'{"text":"x","inner":{"a":' + b"[" * 100_000, 400),
    (b'{"text":"x","inner":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 400),
    (b'{"text":"' + b"x" * (10 << 20) + b'"}', 413),
    (b'{"text":"x","text":"y","count":1,"count":2}', 200),
    (b'{"text":"x","count":NaN}', 400),
    (b'{"text":"x","count":-Infinity}', 400),
    (b'{"text":"x","count":1e999}', 400),
    (b'{"text":"x","count":1e30}', 400),
    (b'{"text":"x","count":' + b"9" * 400 + b"}", 400),
    (b'{"text":"x","count":' + b"9" * 5_000 + b"}", 400),
    (b'{"text":"x","inner":{"a":NaN}}', 400),
    (b'{"text":"x","inner":{"a":1e999}}', 400),
    (b'{"text":"x","inner":{"a":' + b"9" * 400 + b"}}", 200),
    (b'{"text":"x","inner":{"a":' + b"9" * 5_000 + b"}}", 400),
    (b'{"text":"\\ud800"}', 400),
]


@pytest.mark.alone
@pytest.mark.parametrize(("sent", "status"), BOMBS)
def test_a22_no_bomb_of_a_body_is_an_error_of_ours_or_takes_long(sent: bytes, status: int) -> None:
    chunks = [sent[at : at + 65_536] for at in range(0, len(sent), 65_536)]
    assert posted(*chunks).status == status
    assert min(taken(*chunks) for _ in range(5)) < SLOW_S


def taken(*chunks: bytes) -> float:
    """Seconds until a body is answered."""
    began = time.perf_counter()
    posted(*chunks)
    return time.perf_counter() - began


def test_a22_a_route_that_trusts_a_body_would_be_found_out() -> None:
    assert posted(b'{"text":"x","inner":{"a":1}}', path="/careless").status == 500


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"text":1}', 400),
        (b'{"text":"\xff"}', 400),
        (b'{"text":"' + b"x" * (1 << 20) + b'"}', 413),
    ],
)
def test_a_body_that_does_not_fit_is_refused(sent: bytes, status: int) -> None:
    assert posted(sent).status == status
    assert posted(sent).error["message"]


@pytest.mark.parametrize("kind", ["text/plain", "", "application/jsonp", "application/xml"])
def test_a_body_of_another_kind_is_refused(kind: str) -> None:
    assert posted(b'{"text":"x"}', kind=kind).status == 415


@given(st.binary())
def test_no_body_is_an_error_of_ours(sent: bytes) -> None:
    assert posted(sent).status in (200, 400)


@given(st.dictionaries(st.sampled_from(["name", "limit", "x"]), st.text()))
def test_no_query_is_an_error_of_ours(query: dict[str, str]) -> None:
    assert asked("/echo", query).status in (200, 400)


def test_an_unknown_path_and_a_wrong_method_are_told_apart() -> None:
    assert asked("/nothing").error["code"] == "RESOURCE_NOT_FOUND"
    assert asked("/echo/").status == 404
    answer = asyncio.run(ask(APP, "/echo", method="DELETE"))
    assert answer.status == 405
    assert answer.error["code"] == "METHOD_NOT_ALLOWED"
    assert "GET" in answer.headers["allow"]


def test_a_database_that_is_away_is_a_503_that_says_nothing_of_it() -> None:
    answer = asked("/raise/away")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert b"hunter2" not in answer.body


def test_what_routes_raise_becomes_the_envelope() -> None:
    assert asked("/raise/unknown").error["code"] == "RESOURCE_NOT_FOUND"
    assert asked("/raise/refused").headers["retry-after"] == "7"
    answer = asked("/raise/ours")
    assert answer.status == 500
    assert b"secret" not in answer.body


def test_a_request_keeps_a_plain_id_and_gets_one_in_place_of_any_other() -> None:
    assert asked("/echo", {"name": "x"}, **{"x-request-id": "abc-1"}).headers["x-request-id"] == (
        "abc-1"
    )
    for given_id in ("", "a b", "x" * 65, "a\r\nb"):
        answer = asked("/echo", {"name": "x"}, **{"x-request-id": given_id})
        assert len(answer.headers["x-request-id"]) == 16


def test_every_answer_has_the_headers_that_keep_browsers_safe() -> None:
    for found in (asked("/echo", {"name": "x"}), asked("/nothing")):
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in found.headers["content-security-policy"]

"""Limits as a client meets them: 429, what the headers say, whose request is counted where."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from bus import settings
from tests.web.asgi import Answer, ask
from tests.web.fix_api import Api
from tests.web.stack import NO_DATABASE
from web import app, openapi
from web.app import endpoints
from web.schema import Endpoint, route
from web.services import Services

UNLIMITED = {"/health", "/health/live", "/health/ready", "/metrics"}
"""What supervisors, balancers and Prometheus ask, each at its own pace."""
EXEMPT = (
    "/health",
    "/health/live",
    "/metrics",
    "/",
    "/static/none.js",
    "/openapi.json",
    "/docs",
    "/nothing",
)


def api(folder: Path, **limits: object) -> Api:
    """An application without a database."""
    return Api(folder, NO_DATABASE, **limits)


def numbers(answer: Answer) -> list[int]:
    """What an answer says of the limit: how many, how many are left, when all are back."""
    return [int(answer.headers[f"x-ratelimit-{each}"]) for each in ("limit", "remaining", "reset")]


def test_every_answer_says_what_is_left_and_the_one_too_many_is_a_429(tmp_path: Path) -> None:
    answers = api(tmp_path, rate_limit_market=3).all([("/api/last", "")] * 5)
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [numbers(answer)[:2] for answer in answers] == [[3, left] for left in (2, 1, 0, 0, 0)]
    assert [numbers(answer)[2] for answer in answers[:3]] == [20, 40, 60]
    refused = answers[3]
    assert refused.error["code"] == "RATE_LIMITED"
    assert 0 < int(refused.headers["retry-after"]) <= 20
    assert "retry-after" not in answers[0].headers


def test_refusals_of_other_kinds_are_counted_and_say_what_is_left(tmp_path: Path) -> None:
    asked = [("/api/last", "symbols=none"), ("/api/candles", ""), ("/api/candles", "symbol=ETH")]
    answers = api(tmp_path, rate_limit_market=5).all([*asked])
    assert [(answer.status, numbers(answer)[1]) for answer in answers] == [
        *((404, 4), (400, 3), (503, 2))
    ]


def test_a_class_is_one_bucket_for_all_its_routes_and_the_other_class_has_its_own(
    tmp_path: Path,
) -> None:
    asked = ["/api/last", "/api/latest", "/api/prices", "/api/status", "/api/last"]
    answers = api(tmp_path, rate_limit_market=2, rate_limit_general=1).all(
        [(path, "") for path in asked]
    )
    assert [answer.status for answer in answers] == [200, 200, 429, 200, 429]


def test_what_is_not_limited_is_answered_for_ever_and_says_nothing_of_a_limit(
    tmp_path: Path,
) -> None:
    limited = api(tmp_path, rate_limit_market=1, rate_limit_general=1)
    for answer in limited.all([(path, "") for path in EXEMPT] * 3):
        assert answer.status in (200, 404)
        assert not any(name.startswith("x-ratelimit") for name in answer.headers)


def test_zero_is_any_number(tmp_path: Path) -> None:
    answers = api(tmp_path, rate_limit_market=0).all([("/api/last", "")] * 50)
    assert {answer.status for answer in answers} == {200}
    assert "x-ratelimit-limit" not in answers[0].headers


def test_nobody_asks_as_somebody_else_unless_a_trusted_proxy_says_so(tmp_path: Path) -> None:
    def statuses(believed: str) -> list[int]:
        proxies = settings.load({"TRUSTED_PROXIES": believed}).trusted_proxies
        limited = api(tmp_path, rate_limit_market=1, trusted_proxies=proxies)
        asked = [{"x-forwarded-for": f"203.0.113.7, 198.51.100.{last}"} for last in (1, 2, 1)]
        asked += [{"forwarded": "for=192.0.2.9"}] * 2

        async def each() -> list[int]:
            async with limited.open(1) as (one,):
                return [(await ask(one, "/api/last", headers=each)).status for each in asked]

        return asyncio.run(each())

    assert statuses("127.0.0.0/8") == [200, 200, 429, 200, 429]
    assert statuses("") == [200, 429, 429, 429, 429]


def test_routes_of_market_data_are_a_class_and_every_limited_route_is_described_as_such() -> None:
    classes = {one.path: one.limit for one in endpoints()}
    assert {path for path, limit in classes.items() if limit is None} == UNLIMITED
    assert {path for path, limit in classes.items() if limit == "general"} == {"/api/status"}
    document = openapi.document([*endpoints(), enter], [], "1")
    for one in [*endpoints(), enter]:
        answers = document["paths"][one.template][one.method.lower()]["responses"]
        assert ("429" in answers) == (one.limit is not None)
        assert ("X-RateLimit-Reset" in answers["200"]["headers"]) == (one.limit is not None)
    described = document["components"]["responses"]["RATE_LIMITED"]["headers"]
    assert {"Retry-After", "X-RateLimit-Remaining"} <= described.keys()


class Entering(msgspec.Struct):
    """Who wants in."""

    email: str


class Entered(msgspec.Struct):
    """It was believed."""

    email: str


@route("/enter", method="POST", body=Entering, answer=Entered, limit="sign_in", account="email")
async def enter(services: Services, body: Entering) -> Entered:
    """Let somebody in."""
    return Entered(body.email)


@pytest.fixture
def entrance(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The one route of the application, limited as those for signing in will be."""
    monkeypatch.setattr(app, "endpoints", lambda: [enter])
    return enter


def entering(limited: Api, emails: list[str]) -> list[Answer]:
    """The answers to so many attempts at once, each of another address."""

    async def all_at_once() -> list[Answer]:
        async with limited.open(10, processes=2) as processes:
            return await asyncio.gather(
                *(
                    ask(
                        processes[number % 2],
                        "/enter",
                        method="POST",
                        headers={
                            "content-type": "application/json",
                            "x-forwarded-for": f"192.0.2.{number}",
                        },
                        chunks=(msgspec.json.encode({"email": email}),),
                    )
                    for number, email in enumerate(emails)
                )
            )

    return asyncio.run(all_at_once())


@pytest.mark.usefixtures("entrance")
def test_of_twenty_attempts_at_once_on_two_web_processes_exactly_five_pass(
    tmp_path: Path, database: str
) -> None:
    proxies = settings.load({"TRUSTED_PROXIES": "127.0.0.1"}).trusted_proxies
    limited = Api(tmp_path, database, trusted_proxies=proxies)
    answers = entering(limited, ["Anna@example.com", " anna@EXAMPLE.com "] * 10)
    assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 15
    assert {numbers(answer)[0] for answer in answers} == {5}
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.error["code"] for answer in refused} == {"RATE_LIMITED"}
    assert all(30 < int(answer.headers["retry-after"]) <= 60 for answer in refused)
    # Others are let in.
    assert [answer.status for answer in entering(limited, ["bert@example.com"])] == [200]


@pytest.mark.usefixtures("entrance")
def test_without_a_database_nobody_is_let_in_uncounted(tmp_path: Path) -> None:
    limited = api(tmp_path, rate_limit_general=2)
    answers = entering(limited, ["anna@example.com"] * 3)
    # The third does not even reach the database.
    assert sorted(answer.status for answer in answers) == [429, 503, 503]


def test_what_is_refused_is_counted_by_its_limit(tmp_path: Path) -> None:
    limited = api(tmp_path, rate_limit_market=1)
    limited.all([("/api/last", "")] * 4)
    assert limited.health.counters['rate_limited{"limit":"market"}'] == 3

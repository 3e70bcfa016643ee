"""What pages of other origins may do, over HTTP."""

import json

import pytest

from tests.web.conftest import Start
from tests.web.stack import Stack

FRIEND = "https://friend.example"
FOREIGN = "https://evil.example"


def preflight(
    stack: Stack, origin: str, method: str = "GET", headers: str = "if-none-match"
) -> tuple[int, dict[str, str], bytes]:
    """What a browser asks before it lets a page ask."""
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return stack.get("/api/last", "OPTIONS", {"Origin": origin, **asked})


def test_a_page_of_an_allowed_origin_may_read_answers_and_their_headers(stack: Stack) -> None:
    for path, status in (("/api/latest", 200), ("/nothing", 404), ("/api/candles", 400)):
        found, headers, _ = stack.get(path, headers={"Origin": FRIEND})
        assert (found, headers["access-control-allow-origin"]) == (status, FRIEND)
        assert "origin" in headers["vary"].lower()
        exposed = headers["access-control-expose-headers"].split(", ")
        assert set(exposed) == {
            *("x-request-id", "retry-after", "etag", "link", "x-next-cursor"),
            *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
        }


def test_a_page_of_a_foreign_origin_may_read_nothing(stack: Stack) -> None:
    found, headers, _ = stack.get("/api/latest", headers={"Origin": FOREIGN})
    assert found == 200  # the browser keeps it from the page
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "header", ["authorization", "Content-Type", "if-none-match", "last-event-id"]
)
def test_what_an_allowed_origin_may_send_is_said_beforehand(
    stack: Stack, method: str, header: str
) -> None:
    found, headers, _ = preflight(stack, FRIEND, method, header)
    assert (found, headers["access-control-allow-origin"]) == (200, FRIEND)
    assert method in headers["access-control-allow-methods"]
    assert header.lower() in headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize(
    ("origin", "method", "header"),
    [
        (FOREIGN, "GET", "if-none-match"),
        ("null", "GET", "if-none-match"),
        (FRIEND + ".evil.example", "GET", "if-none-match"),
        (FRIEND, "TRACE", "if-none-match"),
        (FRIEND, "GET", "x-secret"),
    ],
)
def test_what_may_not_be_sent_is_refused_in_the_error_envelope(
    stack: Stack, origin: str, method: str, header: str
) -> None:
    found, headers, body = preflight(stack, origin, method, header)
    assert (found, headers["content-type"]) == (403, "application/json")
    error = json.loads(body)["error"]
    assert (error["code"], error["request_id"]) == ("FORBIDDEN", headers["x-request-id"])
    assert ("access-control-allow-origin" in headers) == (origin == FRIEND)


def test_without_an_allowed_origin_no_page_elsewhere_may_read_anything(start: Start) -> None:
    stack = start()
    _, headers, _ = stack.get("/api/latest", headers={"Origin": FRIEND})
    assert "access-control-allow-origin" not in headers
    assert preflight(stack, FRIEND)[0] == 405

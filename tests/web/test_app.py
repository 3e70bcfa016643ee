"""What the application as a whole does to an answer, by a real web process."""

import gzip
import http.client

import pytest

from tests.web.stack import Stack

TAKES = {"accept-encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("path", ["/api/markets", "/static/bundles/main.js"])
def test_a_long_answer_is_compressed_for_who_takes_that(stack: Stack, path: str) -> None:
    status, headers, body = stack.get(path, headers=TAKES)
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert "accept-encoding" in headers["vary"].lower()
    assert int(headers["content-length"]) == len(body)
    for refusing in ({}, {"accept-encoding": "gzip;q=0"}):
        _, plain, whole = stack.get(path, headers=refusing)
        assert "content-encoding" not in plain
        assert len(whole) > 2 * len(body)
    assert gzip.decompress(body)[:100] == whole[:100]


def test_a_short_answer_is_sent_as_it_is(stack: Stack) -> None:
    status, headers, body = stack.get("/health/live", headers=TAKES)
    assert (status, "content-encoding" in headers) == (200, False)
    assert body.startswith(b"{")


def test_events_are_not_held_back_to_be_compressed(stack: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=10)
    try:
        connection.request("GET", "/sse", headers=TAKES)
        answer = connection.getresponse()
        assert answer.getheader("content-encoding") is None
        assert answer.readline() == b"retry: 2000\n"
    finally:
        connection.close()

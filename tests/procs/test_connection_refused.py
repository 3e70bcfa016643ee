"""Attempts to connect that fail, in every way a server can let them fail."""

import logging
import socket
import ssl
import urllib.error
from pathlib import Path

import pytest
import websocket

from procs.feed.connection import ATTEMPT_US_MAX
from procs.feed.refusal import RETRY_AFTER_S_MAX, retry_after_s, sentence
from tests.procs.exchange_server import http
from tests.procs.fix_connection import (
    Drive,
    Serve,
    connected,
    line_of,
    wait_s,
)

pytestmark = pytest.mark.usefixtures("longest_waits")


@pytest.mark.parametrize(("status", "after"), [("451 Unavailable", 120), ("429 Too Many", 77)])
def test_a_refusal_is_said_once_and_its_retry_after_is_honoured(
    serve: Serve, drive: Drive, caplog: pytest.LogCaptureFixture, status: str, after: int
) -> None:
    server = serve()
    server.answers.extend([http(status, f"Retry-After: {after}")] * 3)
    driving = drive(server)
    line = line_of(driving)
    for count in (1, 2, 3):
        driving.until(lambda: line.attempt == count)  # noqa: B023
        assert after - 1 < wait_s(driving) <= after
        driving.push(after - 1)
        for _ in range(5):
            driving.once()
        assert server.asked == count
        driving.push(1)
    assert status[:3] in (line.reason or "")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    connected(driving, server)
    assert (line.state, line.reason) == ("connected", None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("Fri, 09 Aug 2024 00:01:00 GMT", 60.0),
        ("Thu, 08 Aug 2024 00:00:00 GMT", 0.0),
        ("99999999999999999999", RETRY_AFTER_S_MAX),
        *((text, 0.0) for text in ("", "-5", "²", "soon", "1e9", "Fri, 99 Foo 2024", "\x00")),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_nothing_else(text: str, seconds: float) -> None:
    assert retry_after_s(text, 1_723_161_600.0) == seconds


@pytest.mark.parametrize(
    "answer",
    [
        http("301 Moved", "Location: ws://127.0.0.1:1/"),
        http("302 Found", "Location: http://127.0.0.1:1/"),
        http("307 Temporary"),
        http("200 OK", body=b"<html>maintenance</html>"),
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"",
        b"HTTP/1.1 503 X\r\nRetry-After: \xc2\xb2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 X\r\nContent-Length: many\r\n\r\n",
    ],
)
def test_any_other_answer_is_a_failed_attempt_and_the_next_one_succeeds(
    serve: Serve, drive: Drive, answer: bytes
) -> None:
    server = serve()
    server.answers.append(answer)
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: line.attempt == 1)
    assert (line.state, line.circuit) == ("reconnecting", "open")
    assert line.reason not in (None, "unknown")
    driving.push(1)
    connected(driving, server)
    assert line.state == "connected"


@pytest.mark.parametrize(
    "answer",
    [
        *(b"garbage\r\n\r\n", b"", http("500 Oops"), http("200 OK", body=b"[" * 60_000)),
        http("200 OK", body=b'{"serverTime":1}')[:-1],
        http("302 Found", "Location: file:///etc/passwd"),
    ],
)
def test_without_the_exchanges_clock_our_own_has_to_do(
    serve: Serve, drive: Drive, answer: bytes
) -> None:
    server = serve()
    server.clock = answer
    driving = drive(server)
    connected(driving, server)
    line = line_of(driving)
    assert not line.clock_known
    now = driving.now()
    assert abs(line.clock_offset_us - (now.wall - now.mono)) < 1_000_000


def test_an_attempt_that_never_ends_is_abandoned_and_brings_no_second_socket(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    server.answers.append(b"HTTP/1.1 101 Switching Protocols\r\nX: ...")
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: server.asked == 1)
    driving.once()
    driving.push(ATTEMPT_US_MAX / 1e6 + 1)
    driving.until(lambda: line.attempt == 1)
    assert line.state == "reconnecting"
    driving.push(1)
    connected(driving, server)
    assert driving.most_sockets == 1


def test_a_certificate_that_nobody_has_signed_is_refused(
    serve: Serve, drive: Drive, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    server = serve(certificate[1])
    driving = drive(server)
    line = line_of(driving)
    driving.until(lambda: line.attempt == 1)
    assert "certificate is not to be trusted" in (line.reason or "")
    assert server.peers == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name cannot be resolved"),
        (websocket.WebSocketAddressException("[Errno -2]"), "the name cannot be resolved"),
        (urllib.error.URLError(socket.gaierror(-2, "no")), "the name cannot be resolved"),
        (ConnectionRefusedError(111, "refused"), "the connection was refused"),
        (urllib.error.URLError(TimeoutError()), "there was no answer"),
        (websocket.WebSocketTimeoutException("t"), "there was no answer"),
        (OSError(113, "No route to host"), "OSError: [Errno 113] No route to host"),
    ],
)
def test_what_the_network_says_is_said_to_a_person(error: Exception, said: str) -> None:
    assert sentence(error).startswith(said)

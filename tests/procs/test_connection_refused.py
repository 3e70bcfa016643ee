"""Attempts to connect that fail, in every way a server can let them fail."""

import logging
import socket
import ssl
import urllib.error
import warnings
from pathlib import Path

import pytest
import websocket

from procs.feed.connection import ATTEMPT_US_MAX
from procs.feed.refusal import (
    FORBIDDEN,
    FORBIDDEN_S,
    RETRY_AFTER_S_MAX,
    retry_after_s,
    sentence,
)
from procs.feed.rest import get
from tests.procs.driving import Driving
from tests.procs.exchange_server import http
from tests.procs.fix_connection import (
    Drive,
    Serve,
    connected,
    line_of,
    wait_s,
)

pytestmark = pytest.mark.usefixtures("longest_waits")


@pytest.mark.parametrize(("status", "after"), [("503 Down", 120), ("429 Too Many", 77)])
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
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 1
    connected(driving, server)
    assert (line.state, line.reason) == ("connected", None)


@pytest.mark.parametrize("status", ["451 Unavailable For Legal Reasons", "403 Forbidden"])
def test_a_blocked_region_is_said_once_in_plain_words_and_asked_again_after_minutes(
    serve: Serve, drive: Drive, caplog: pytest.LogCaptureFixture, status: str
) -> None:
    server = serve()
    server.clock = http(status)
    server.answers.extend([http(status)] * 3)
    driving = drive(server)
    line = line_of(driving)
    for count in (1, 2, 3):
        driving.until(lambda: line.attempt == count)  # noqa: B023
        assert FORBIDDEN_S - 1 < wait_s(driving) <= FORBIDDEN_S
        assert line.reason == FORBIDDEN[int(status[:3])]
        driving.push(FORBIDDEN_S - 1)
        for _ in range(5):
            driving.once()
        assert server.asked == count
        driving.push(1)
    assert len(server.rest_asked) == 3
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 1
    connected(driving, server)
    assert (line.state, line.reason) == ("connected", None)


def test_a_blocked_region_that_asks_for_longer_is_left_alone_for_longer(
    serve: Serve, drive: Drive
) -> None:
    server = serve()
    server.answers.append(http("451 Unavailable For Legal Reasons", "Retry-After: 3600"))
    driving = drive(server)
    driving.until(lambda: line_of(driving).attempt == 1)
    assert 3599 < wait_s(driving) <= 3600


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
    assert line.clock_offset_us is not None
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


TRIES = 10


def refused_each_time(driving: Driving) -> str:
    """Drive through ten tries; return what is said of the last."""
    line = line_of(driving)
    for count in range(1, TRIES + 1):
        driving.until(lambda: line.attempt == count)  # noqa: B023
        assert line.state == "reconnecting"
        driving.push(31)
    assert driving.most_sockets == 0
    return line.reason or ""


def test_a28_a_certificate_that_nobody_has_signed_is_refused(
    serve: Serve, drive: Drive, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    server = serve(certificate[1])
    assert "certificate is not to be trusted" in refused_each_time(drive(server))
    assert (server.peers, server.asked, server.rest_asked) == ([], 0, [])


def test_a28_a_certificate_of_another_name_is_refused(
    serve: Serve,
    drive: Drive,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(certificate[0]))
    server = serve(certificate[1])
    server.websocket_url = server.websocket_url.replace("127.0.0.1", "localhost")
    assert "certificate is not to be trusted" in refused_each_time(drive(server))
    assert (server.peers, server.asked) == ([], 0)


def test_a28_an_exchange_without_tls_or_with_an_old_one_is_refused(
    serve: Serve,
    drive: Drive,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(certificate[0]))
    monkeypatch.setattr("procs.feed.attempt.CONNECT_TIMEOUT_S", 0.1)  # it waits for our request
    plain = serve()
    plain.websocket_url = plain.websocket_url.replace("ws://", "wss://")
    refused_each_time(drive(plain))
    with warnings.catch_warnings():  # to offer it is what is warned of
        warnings.simplefilter("ignore", DeprecationWarning)
        certificate[1].minimum_version = ssl.TLSVersion.TLSv1
        certificate[1].maximum_version = ssl.TLSVersion.TLSv1_1
    old = serve(certificate[1])
    refused_each_time(drive(old))
    assert (plain.asked, old.asked) == (0, 0)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a28_who_sends_us_to_a_place_without_tls_is_not_followed(
    serve: Serve,
    drive: Drive,
    certificate: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    status: str,
) -> None:
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(certificate[0]))
    rogue, server = serve(), serve(certificate[1])
    server.answers.extend([http(status, f"Location: {rogue.websocket_url}")] * TRIES)
    said = refused_each_time(drive(server))
    assert said == "WebSocketException: Redirect limit exhausted"
    assert (server.asked, rogue.asked, rogue.peers) == (TRIES, 0, [])
    plain = serve()  # nor by REST
    plain.rest["/rest/time"] = http(status, f"Location: {rogue.rest_url}/time")
    driving = drive(plain)
    connected(driving, plain)
    assert not line_of(driving).clock_known
    assert get(f"{plain.rest_url}/time", 1000).status == int(status[:3])
    assert rogue.rest_asked == []


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

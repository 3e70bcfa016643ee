"""The process: its socket, its end, and what is no request."""

import http.client
import json
import re
import select
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

from bus.messages import Heartbeat, decode
from bus.settings import ROOT, Settings
from bus.sockets import Socket, Subscriber
from tests.eventually import eventually
from tests.fix_postgres import environment_on
from tests.web.conftest import Start
from tests.web.messages import ticker
from tests.web.stack import NO_DATABASE, Stack
from tests.web.websocket import TEXT, masked, opened


def launch(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "web", *arguments],
        cwd=ROOT,
        env={**environment_on(folder), "DATABASE_URL": NO_DATABASE, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_without_a_socket_on_descriptor_0_it_binds_its_own_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with launch(tmp_path, PORT=str(port)) as process:
        eventually(lambda: answers(port), within=10)
        process.terminate()
        assert process.wait(10) == 0


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b" 200 " in client.recv(100)
    except ConnectionRefusedError:
        return False


def test_a_port_in_use_is_one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = launch(tmp_path, PORT=str(taken.getsockname()[1]))
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 2
    assert errors.decode().startswith("tickwire: PORT: ")
    assert errors.count(b"\n") == 1


def test_slot_0_holds_the_socket_and_serves_nobody(tmp_path: Path) -> None:
    run_dir = Settings(data_dir=tmp_path).run_dir
    context: zmq.Context[Socket] = zmq.Context()
    with launch(tmp_path, "--slot", "0") as process:
        eventually((run_dir / "web-0.pub").exists, within=10)
        life = Subscriber(context, run_dir, ["web-0"], [b"heartbeat."]).socket
        assert life.poll(10_000)
        message = decode(life.recv_multipart()[1])
        assert isinstance(message, Heartbeat)
        assert (message.program, message.state) == ("web-0", "ready")
        process.terminate()
        assert process.wait(10) == 0
    life.close()
    context.term()


def test_small_answers_do_not_wait_for_an_acknowledgement(stack: Stack) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as client:
        for _ in range(25):
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.endswith(b'{"status":"ok"}'):
                received += client.recv(4096)
    # Each would wait 40 ms for the acknowledgement of its head.
    assert time.monotonic() - begun < 25 * 0.04


def talk(stack: Stack, sent: bytes) -> bytes:
    """All that is answered to some bytes, until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as client:
        try:
            client.sendall(sent)
            while chunk := client.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass  # it closed before it had read all of it
    return received


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_in_the_envelope(
    stack: Stack, sent: bytes, status: int
) -> None:
    head, _, body = talk(stack, sent).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert b"x-request-id: " in head
    assert json.loads(body)["success"] is False


def test_headers_that_do_not_come_to_an_end_are_cut(start: Start) -> None:
    stack = start(head_within_s=0.2)
    assert talk(stack, b"GET / HTTP/1.1\r\nHost: x\r\n") == b""
    whole = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    assert talk(stack, whole + b"GET / HT").endswith(b'{"status":"ok"}')


def test_a_request_on_its_way_when_the_stop_comes_is_answered(start: Start) -> None:
    stack = start()
    asked = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", stack.port), timeout=5) as new,
        socket.create_connection(("127.0.0.1", stack.port), timeout=5) as kept,
    ):
        kept.sendall(asked)
        assert kept.recv(4096).endswith(b'{"status":"ok"}')
        stack.web.ask_to_stop()
        eventually(lambda: not accepts(stack.port))
        for client in (new, kept):
            client.sendall(asked)
            answer = b""
            while chunk := client.recv(4096):
                answer += chunk
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"\r\nconnection: close\r\n" in answer
    assert stack.web.wait() == 0


def accepts(port: int) -> bool:
    """True while a new connection is answered at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        try:
            return client.recv(1) != b""
        except TimeoutError:
            return False


def test_an_event_stream_is_whole_when_a_stop_ends_it(start: Start) -> None:
    stack = start()
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=5)
    connection.request("GET", "/sse/quotes")
    answer = connection.getresponse()
    assert answer.readline()
    stack.web.ask_to_stop()
    answer.read()  # it would be an IncompleteRead
    connection.close()
    assert stack.web.wait() == 0


def test_those_who_are_sent_away_last_get_the_newest_until_then(start: Start) -> None:
    stack = start()
    with ExitStack() as clients:
        waiting = {clients.enter_context(opened(stack.port)): b"" for _ in range(120)}
        for client in waiting:
            client.sendall(masked(TEXT, b'{"type":"subscribe","symbols":["ETH-USDT"]}'))
            while b'"snapshot"' not in waiting[client]:
                waiting[client] += client.recv(65536)
        said = waiting.copy()
        seq = first_closed_at = 0
        stack.web.ask_to_stop()
        while waiting:
            seq += 1
            stack.publish(ticker(seq=seq))
            for client in select.select(list(waiting), [], [], 0.005)[0]:
                said[client] += client.recv(65536)
            for client in [one for one in waiting if b"spread_ms" in said[one]]:
                first_closed_at = first_closed_at or seq
                del waiting[client]
                client.close()
    newest = max(
        int(found) for text in said.values() for found in re.findall(rb'"seq":(\d+)', text)
    )
    assert newest > first_closed_at > 0
    assert stack.web.wait() == 0

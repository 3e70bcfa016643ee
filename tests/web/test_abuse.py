"""Who abuses WebSockets and connections is refused or cut, and nobody else is the worse for it."""

import itertools
import json
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from tests.beside import Beside
from tests.eventually import eventually
from tests.faults import times
from tests.web.conftest import Start
from tests.web.serve import Apart
from tests.web.stack import Stack
from tests.web.websocket import (
    CONTINUED,
    PING,
    PONG,
    TEXT,
    asked,
    close_code,
    code_after,
    has_ended,
    masked,
    opened,
)

STREAMS = ("/ws", "/ws/quotes", "/ws/prices", "/api/market/stream")
MIB = 1 << 20


def foreign(port: int) -> list[str]:
    """Origins that are none of ours, however much they look like one."""
    own, friend = f"http://127.0.0.1:{port}", "https://friend.example"
    return [
        "https://evil.example",
        "null",
        "",
        "file://",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port + 1}",
        f"http://127.0.0.1:{port}0",
        f"http://localhost:{port}",
        f"{own}.evil.example",
        f"{own}/",
        f"{own}/path",
        f"{own}?",
        f"{own}#",
        f"{own}@evil.example",
        f"http://evil.example/{own}",
        f"http://evil@127.0.0.1:{port}",
        f"ws://127.0.0.1:{port}",
        f"{own} {own}",
        f"{own}, {friend}",
        f"{friend}.evil",
        f"{friend}:443",
        f"{friend}/",
        "http://friend.example",
        "https://xfriend.example",
        "friend.example",
        "https://[::1",
    ]


def test_a10_foreign_pages_are_refused_before_the_socket_opens(stack: Stack) -> None:
    tries = list(itertools.product(STREAMS, foreign(stack.port)))
    assert len(tries) >= 100
    for path, origin in tries:
        status, body = handshake(stack.port, path, origin)
        assert status == 403, (path, origin)
        assert json.loads(body)["error"]["code"] == "FORBIDDEN"


def test_a10_two_origins_are_no_request(stack: Stack) -> None:
    own = f"http://127.0.0.1:{stack.port}"
    assert handshake(stack.port, "/ws", own, own)[0] == 400


@pytest.mark.parametrize("path", STREAMS)
def test_a10_our_own_page_and_our_friends_may(stack: Stack, path: str) -> None:
    for origin in (f"http://127.0.0.1:{stack.port}", "https://friend.example"):
        assert handshake(stack.port, path, origin)[0] == 101


def handshake(port: int, path: str, *origins: str) -> tuple[int, bytes]:
    """Return status and body of the answer to a handshake from pages of these origins."""
    lines = "".join(f"Origin: {origin}\r\n" for origin in origins)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{lines}\r\n".encode()
        )
        received = client.recv(65536)
        if not received.startswith(b"HTTP/1.1 101 "):
            while chunk := client.recv(65536):
                received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


SUBSCRIBE = masked(TEXT, b'{"type":"subscribe","symbols":["ETH-USDT"]}')
ABUSE = {
    "a frame of 1 MiB": (masked(TEXT, bytes(MIB)), {1009}),
    "a frame said to be of 100 MiB": (
        b"\x81\xff" + (100 * MIB).to_bytes(8, "big") + bytes(4) + bytes(MIB),
        {1009},
    ),
    "tiny frames without end": (masked(TEXT, b"x") * 100_000, {4429}),
    "subscriptions without end": (SUBSCRIBE * 10_000, {4429}),
    "pings without end": (masked(PING) * 10_000, {4429}),
    "pongs without end": (masked(PONG) * 10_000, {4429}),
    "no UTF-8": (masked(TEXT, b"\xff\xfe"), {1007}),
    "half a character": (masked(TEXT, b"\xe2\x82"), {1007}),
    "fragments without end": (
        masked(TEXT, b"x", fin=False) + masked(CONTINUED, fin=False) * 10_000,
        {1009},
    ),
    "fragments that grow": (
        masked(TEXT, b"x", fin=False) + masked(CONTINUED, bytes(8192), fin=False) * 20,
        {1009},
    ),
    "an unknown opcode": (masked(0x3), {1002}),
    "an unknown control frame": (masked(0xB), {1002}),
    "nothing to continue": (masked(CONTINUED), {1002}),
    "a text within a text": (masked(TEXT, b"x", fin=False) + masked(TEXT, b"x"), {1002}),
    "a ping in pieces": (masked(PING, b"x", fin=False), {1002}),
    "a ping too long": (masked(PING, bytes(126)), {1002}),
    "compressed without leave": (b"\xc1\x80" + bytes(4), {1002}),
    "no mask": (b"\x81\x01x", {1002}),
}


@pytest.mark.parametrize("kind", ABUSE)
def test_a18_abuse_of_a_websocket_is_closed_with_its_code(stack: Stack, kind: str) -> None:
    sent, codes = ABUSE[kind]
    for _ in range(times(1, 50)):
        with opened(stack.port) as client:
            assert code_after(client, sent) in codes
    assert stack.get("/health/live")[0] == 200


@pytest.mark.alone
def test_a18_abuse_leaves_the_process_as_large_as_it_was(start: Start) -> None:
    stack = start(apart=True)
    assert isinstance(stack.web, Apart)
    sizes = []
    for _ in range(times(5, 50)):
        for sent, codes in ABUSE.values():
            with opened(stack.port) as client:
                assert code_after(client, sent) in codes
        sizes.append(stack.web.rss_bytes())
    assert min(after - before for before, after in itertools.pairwise(sizes)) < MIB, sizes


TEXTS = masked(TEXT, b"x") * 1_000_000
FLOODS = {
    "texts": (b"", TEXTS, 4429),
    "texts after what is none": (masked(TEXT, b"\xff"), TEXTS, 1007),
    "pings": (b"", masked(PING) * 1_000_000, 4429),
    "pongs": (b"", masked(PONG) * 1_000_000, 4429),
    "fragments": (
        masked(TEXT, b"x", fin=False),
        masked(CONTINUED, fin=False) * 1_000_000,
        1009,
    ),
}
"""What begins, a million tiny frames that are sent again and again, and the code for that."""


class Flooding(Beside):
    """A client that only sends, until it is cut; then ``code`` is what it was told before."""

    def __init__(self, client: socket.socket, first: bytes, million: bytes) -> None:
        super().__init__(self._send)
        self._client = client
        self._first, self._million = first, million
        self.cut = threading.Event()
        self.code: int | None = None

    def _send(self) -> None:
        try:
            self._client.sendall(self._first)
            while not self.ended.is_set():
                self._client.sendall(self._million)
        except OSError:
            pass
        self.code = code_after(self._client, b"")
        self.cut.set()


@pytest.mark.alone
def test_a18_millions_of_tiny_frames_keep_nobody_waiting(start: Start) -> None:
    stack = start(apart=True, close_within_s=0.3)
    bound = max(10 * p99_s(stack), BUSY_S)
    for kind, (first, million, code) in FLOODS.items():

        def slowest_s() -> float:
            took = []
            with (
                opened(stack.port) as client,
                Flooding(client, first, million) as flooding,  # noqa: B023
            ):
                while not flooding.cut.is_set():
                    began = time.perf_counter()
                    assert stack.get("/health/live", within=60)[0] == 200
                    took.append(time.perf_counter() - began)
            assert flooding.code == code, kind  # noqa: B023
            return max(took)

        # A machine that is busy with something else lets us wait too, but not each time.
        eventually(lambda: slowest_s() < bound, within=10)


def test_a_client_that_behaves_is_not_closed(stack: Stack) -> None:
    """The control of the above."""
    with opened(stack.port) as client:
        client.sendall(SUBSCRIBE + masked(PING))
        received = b""
        while b"snapshot" not in received:
            received += client.recv(65536)
        assert close_code(received) is None


def test_a19_an_address_gets_twenty_live_connections_and_then_429(start: Start) -> None:
    stack = start(proxied=True)
    count = times(100, 2000)
    with ExitStack() as clients:
        answers = []
        for _ in range(count):
            client, head = asked(stack.port, "X-Forwarded-For: 198.51.100.7")
            clients.enter_context(client)
            answers.append(head)
        assert all(head.startswith(b"HTTP/1.1 101 ") for head in answers[:20])
        for head in answers[20:]:
            assert head.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nretry-after: 10\r\n" in head
            assert b'"code":"RATE_LIMITED"' in head
        events = stack.get("/sse/quotes", headers={"X-Forwarded-For": "198.51.100.7"})
        assert (events[0], events[1]["retry-after"]) == (429, "10")
        opened(stack.port, "X-Forwarded-For: 198.51.100.8").close()
        opened(stack.port).close()  # from this machine
    eventually(lambda: counted(stack, "tickwire_refused_live_connections_total") == count - 20 + 1)

    def opens_again() -> bool:
        client, head = asked(stack.port, "X-Forwarded-For: 198.51.100.7")
        client.close()
        return head.startswith(b"HTTP/1.1 101 ")

    eventually(opens_again)


def counted(stack: Stack, name: str) -> float:
    """Return the value of a metric of the web process."""
    for line in stack.get("/metrics")[2].decode().splitlines():
        if line.startswith(name + "{") and 'process="web-1"' in line:
            return float(line.rpartition(" ")[2])
    return -1.0


def test_a19_connections_beyond_what_the_process_can_hold_are_told_503(start: Start) -> None:
    stack = start(connections=10)
    with ExitStack() as clients:
        for _ in range(10):
            clients.enter_context(opened(stack.port))
        for _ in range(5):
            client, head = asked(stack.port)
            with client:
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nretry-after: 10\r\n" in head
        assert stack.get("/health/live")[0] == 503
    eventually(lambda: stack.get("/health/live")[0] == 200)


BUSY_S = 0.25
"""So long an answer may take on a machine that is busy with other tests too."""
SLOW = {
    "headers": (b"GET /health/live HTTP/1.1\r\nHost: x\r\n", b"a"),
    "a body": (b"POST /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", b"a"),
    "nothing": (b"", b""),
}


class Dripping(Beside):
    """Sockets that send a byte now and then, until they are closed."""

    def __init__(self, port: int, count: int, first: bytes, drop: bytes) -> None:
        super().__init__(self._drip)
        self._drop = drop
        self.open = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(count)]
        for each in self.open:
            each.sendall(first)
            each.setblocking(False)

    def _drip(self) -> None:
        while self.open and not self.ended.wait(0.1):
            for each in list(self.open):
                if is_closed(each, self._drop):
                    self.open.remove(each)
                    each.close()
        for each in self.open:
            each.close()


def is_closed(client: socket.socket, drop: bytes) -> bool:
    """True once the server has closed; else send a little more."""
    if has_ended(client):
        return True
    try:
        client.send(drop)
    except OSError:
        return True
    return False


@pytest.mark.alone
@pytest.mark.parametrize("kind", SLOW)
def test_a20_slow_requests_are_cut_and_nobody_waits_for_them(start: Start, kind: str) -> None:
    stack = start(apart=True, head_within_s=1.0)
    usual = p99_s(stack)
    began = time.monotonic()
    with Dripping(stack.port, times(100, 5000), *SLOW[kind]) as slow:
        meanwhile = p99_s(stack)
        eventually(lambda: not slow.open, within=10)
        assert time.monotonic() - began > 0.9  # they were let in at first
    assert meanwhile < max(2 * usual, BUSY_S)


def p99_s(stack: Stack) -> float:
    """Return how long a health check takes, seconds, at the 99th percentile."""
    took = []
    for _ in range(100):
        began = time.perf_counter()
        assert stack.get("/health/live")[0] == 200
        took.append(time.perf_counter() - began)
    return sorted(took)[98]


LARGE = "/static/vendor/lightweight-charts.mjs"
COPIES = 60
"""Far more than kernel and process hold for one who does not read."""


def test_a20_whoever_takes_an_answer_too_slowly_is_cut(start: Start) -> None:
    stack = start(slow_after_s=0.5)
    size = len(stack.get(LARGE)[2])
    with large_answer(stack.port) as client:
        eventually(lambda: counted(stack, "tickwire_cut_readers_total") == 1)
        got = 0
        try:
            while chunk := client.recv(1 << 16):
                got += len(chunk)
        except ConnectionResetError:
            pass
        assert got < size * COPIES


def test_who_takes_an_answer_in_time_gets_all_of_it(start: Start) -> None:
    """The control of the above."""
    stack = start(slow_after_s=0.5)
    size = len(stack.get(LARGE)[2])
    pause = threading.Event()
    with large_answer(stack.port) as client:
        got = 0
        for number in itertools.count():
            pause.wait(0.1 if number < 15 else 0)
            chunk = client.recv(1 << 18)
            if not chunk:
                break
            got += len(chunk)
    assert got > size * COPIES


def large_answer(port: int) -> socket.socket:
    """Return a connection with a tiny buffer, on which a lot was asked for."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    ask = f"GET {LARGE} HTTP/1.1\r\nHost: x\r\n".encode()
    client.sendall((ask + b"\r\n") * (COPIES - 1) + ask + b"Connection: close\r\n\r\n")
    return client

"""The proxy that hurts connections: each of its verbs does what it says, and is taken back."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from random import Random

import pytest

from tests.e2e.proxy import Proxy
from tests.eventually import eventually

WITHIN_S = 10


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """A server that says back what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo(made: socket.socket) -> None:
            with made:
                try:
                    while data := made.recv(1 << 16):
                        made.sendall(data)
                except OSError:
                    pass  # it was cut: that is what this is about

        def serve() -> None:
            while True:
                try:
                    made, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=echo, args=(made,), daemon=True).start()

        accepting = threading.Thread(target=serve, daemon=True)
        accepting.start()
        yield server
        server.shutdown(socket.SHUT_RDWR)
    accepting.join(WITHIN_S)


@pytest.fixture
def proxy(target: socket.socket) -> Iterator[Proxy]:
    with Proxy(target.getsockname()[1], Random(1)) as made:
        yield made


def connected(proxy: Proxy) -> "closing[socket.socket]":
    made = socket.create_connection(("127.0.0.1", proxy.port), timeout=WITHIN_S)
    return closing(made)


def said_back(made: socket.socket, data: bytes) -> bytes:
    made.sendall(data)
    found = b""
    while len(found) < len(data):
        part = made.recv(1 << 16)
        if not part:
            return found
        found += part
    return found


def ended(made: socket.socket) -> bool:
    try:
        return made.recv(1) == b""
    except ConnectionResetError:
        return True


def test_unhurt_everything_passes(proxy: Proxy) -> None:
    data = Random(2).randbytes(3 << 20)
    with connected(proxy) as made:
        threading.Thread(target=made.sendall, args=(data,)).start()
        assert said_back(made, b"") == b""
        found = b""
        while len(found) < len(data):
            found += made.recv(1 << 18)
    assert found == data


def test_who_ends_is_heard_to_the_end(proxy: Proxy) -> None:
    data = Random(4).randbytes(1 << 20)
    with connected(proxy) as made:
        sending = threading.Thread(target=made.sendall, args=(data,))
        sending.start()
        sending.join(WITHIN_S)
        made.shutdown(socket.SHUT_WR)
        found = b""
        while part := made.recv(1 << 18):
            found += part
    assert found == data


def test_a_cut_resets_what_there_is_and_the_next_connection_is_whole(proxy: Proxy) -> None:
    with connected(proxy) as made:
        assert said_back(made, b"before") == b"before"
        proxy.cut()
        assert ended(made)
    with connected(proxy) as made:
        assert said_back(made, b"after") == b"after"


def test_a_cut_in_mid_frame_lets_so_many_bytes_pass_and_no_more(proxy: Proxy) -> None:
    with connected(proxy) as made:
        assert said_back(made, b"x") == b"x"
        proxy.cut_in_frame(3)
        made.sendall(b"12345")
        found = b""
        try:
            while part := made.recv(16):
                found += part
        except ConnectionResetError:
            pass  # what had passed may be gone with it
        assert found in (b"", b"123")


def test_what_is_held_passes_when_it_is_released_and_nobody_is_cut(proxy: Proxy) -> None:
    with connected(proxy) as made:
        assert said_back(made, b"x") == b"x"
        proxy.hold()
        made.sendall(b"held")
        made.settimeout(0.2)
        with pytest.raises(TimeoutError):
            made.recv(1)
        made.settimeout(WITHIN_S)
        proxy.release()
        assert made.recv(16) == b"held"


def test_who_is_refused_finds_nobody_until_it_is_over(proxy: Proxy) -> None:
    proxy.refuse()
    try:
        with connected(proxy) as made:
            assert ended(made)
    except ConnectionResetError:
        pass  # before it was even connected
    proxy.accept()
    with connected(proxy) as made:
        assert said_back(made, b"x") == b"x"


def test_late_narrow_and_sliced_it_comes_later_and_whole(proxy: Proxy) -> None:
    with connected(proxy) as made:
        hurts: list[Callable[[], None]] = [
            lambda: proxy.delay(0.05),
            lambda: proxy.narrow(20_000),
            proxy.slice,
        ]
        for hurt in hurts:
            hurt()
            data = Random(3).randbytes(4000)
            began = time.monotonic()
            assert said_back(made, data) == data
            took_s = time.monotonic() - began
            if not proxy.slicing:
                assert took_s > 0.05
            proxy.heal()
            eventually(lambda: said_back(made, b"x") == b"x", within=WITHIN_S)

"""One frame to many connections past ASGI: real uvicorn, real sockets, with and without TLS."""

import asyncio
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection, connect

from tests.eventually import eventually
from web.fanout import (
    COMPRESSED_FROM,
    EXTENSION,
    FanoutProtocol,
    Room,
    compressed_frame,
    text_frame,
)

Result = TypeVar("Result")


class Served:
    """A server in a thread, and everybody who is connected; what they say is said back by ASGI.

    Args:
        loop: makes its event loop.
        certificate: its file and that of the key, for TLS.
        compresses: for clients that take that.
    """

    def __init__(
        self,
        loop: Callable[[], asyncio.AbstractEventLoop],
        certificate: tuple[str, str] | None = None,
        *,
        compresses: bool = False,
    ) -> None:
        self.room = Room()
        self.connections: list[FanoutProtocol] = []
        self.drained: list[FanoutProtocol] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        files = certificate or (None, None)
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=[WebSocketRoute("/", self._enter)]),
                ws=FanoutProtocol,
                ws_per_message_deflate=compresses,
                lifespan="off",
                log_config=None,
                ssl_certfile=files[0],
                ssl_keyfile=files[1],
                timeout_graceful_shutdown=1,
            )
        )
        self._make = loop
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Served":
        self._thread.start()
        eventually(lambda: self._server.started)
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def do(self, action: Callable[[], Result]) -> Result:
        """Return what ``action`` returns in the server's loop."""

        async def act() -> Result:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def send(self, text: str) -> int:
        """Broadcast a text as the first client takes it; return how many were not sent it."""
        framed = self.connections[0].framed
        return len(self.do(lambda: self.room.broadcast(framed(text))))

    def join(
        self, context: ssl.SSLContext | None = None, window_bits: int | None = None
    ) -> ClientConnection:
        """Return a client that is in the room; it may want a small window to be compressed in."""
        before = len(self.connections)
        address = f"{'wss' if context else 'ws'}://127.0.0.1:{self.port}"
        offered = ClientPerMessageDeflateFactory(
            server_max_window_bits=window_bits, client_max_window_bits=True
        )
        client = connect(
            address,
            ssl=context,
            compression=None,
            extensions=[offered],
            max_queue=None,  # it reads on whatever waits
        )
        eventually(lambda: len(self.connections) > before)
        return client

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._make) as runner:
            self._loop = runner.get_loop()
            runner.run(self._server.serve(sockets=[self._listening]))

    async def _enter(self, websocket: WebSocket) -> None:
        await websocket.accept()
        connection: FanoutProtocol = websocket.scope["extensions"][EXTENSION]
        connection.drained = self.drained.append
        self.room.add(connection)
        self.connections.append(connection)
        try:
            while (text := await websocket.receive_text()) != "close":
                await websocket.send_text(text)
            await websocket.close(1012)
        except WebSocketDisconnect:
            pass
        finally:
            self.room.discard(connection)
            self.connections.remove(connection)


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def room(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A room on both loops that uvicorn runs on."""
    with Served(LOOPS[request.param]) as made:
        yield made


@pytest.fixture(params=LOOPS)
def secret_room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """The same with TLS, and with compression."""
    files = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    with Served(LOOPS[request.param], files, compresses=True) as made:
        yield made


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
def test_a_frame_of_any_size_is_one_message(room: Served, size: int) -> None:
    with room.join() as client:
        assert room.send("x" * size) == 0
        assert client.recv() == "x" * size
        assert room.send("é" * size) == 0
        assert client.recv() == "é" * size


@pytest.fixture(params=LOOPS)
def packed_room(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The same with compression."""
    with Served(LOOPS[request.param], compresses=True) as made:
        yield made


@pytest.mark.parametrize("size", [0, 1, COMPRESSED_FROM - 1, COMPRESSED_FROM, 65_536, 300_000])
def test_compressed_it_is_the_same_message(packed_room: Served, size: int) -> None:
    with packed_room.join() as client:
        mixed = Random(size).randbytes(size).hex()
        for text in ("x" * size, "é" * size, mixed):
            assert packed_room.send(text) == 0
            assert client.recv() == text
        client.send(mixed)  # and by ASGI
        assert client.recv() == mixed


def test_what_comes_in_may_not_become_much_larger_than_it_is(packed_room: Served) -> None:
    with packed_room.join() as client:
        client.send("x" * 1024)
        assert client.recv() == "x" * 1024
        client.send("x" * 10_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_compressed_they_keep_their_order_too(packed_room: Served) -> None:
    with packed_room.join() as client:
        in_order(packed_room, client)


def test_a_frame_is_compressed_where_that_is_worth_it_and_agreed(packed_room: Served) -> None:
    text = json.dumps([{"symbol": f"X{number}-USD", "price": number} for number in range(99)])
    assert len(compressed_frame(text)) < len(text_frame(text)) / 3
    assert compressed_frame(text[: COMPRESSED_FROM - 1]) == text_frame(text[: COMPRESSED_FROM - 1])
    with packed_room.join(window_bits=9) as client:  # it cannot look so far back
        assert packed_room.connections[0].framed is text_frame
        assert packed_room.send(text) == 0
        assert client.recv() == text
    with packed_room.join(window_bits=15):
        assert packed_room.connections[-1].framed is compressed_frame


def test_no_connection_keeps_a_window(packed_room: Served) -> None:
    with packed_room.join():
        (agreed,) = packed_room.connections[0].conn.extensions
        assert vars(agreed).keys().isdisjoint({"encoder", "decoder"})


def test_broadcasts_answers_pings_and_a_close_keep_their_order(room: Served) -> None:
    with room.join() as client:
        assert all(each.descriptor >= 0 for each in room.connections)
        in_order(room, client)


def test_under_tls_too(secret_room: Served) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with secret_room.join(context) as client:
        assert all(each.descriptor == -1 for each in secret_room.connections)
        assert secret_room.connections[0].framed is compressed_frame
        assert secret_room.send("x" * 10_000) == 0
        assert client.recv() == "x" * 10_000
        in_order(secret_room, client)


def in_order(room: Served, client: ClientConnection) -> None:
    """Let broadcasts, answers and pongs go one after the other, then a close and nothing more."""
    expected = []
    for number in range(60):
        assert room.send(json.dumps(number)) == 0
        expected.append(str(number))
        if number % 20 == 0:
            assert client.ping().wait(10)
            client.send("hello")
            assert [client.recv() for _ in range(len(expected) + 1)] == [*expected, "hello"]
            expected.clear()
    assert [client.recv() for _ in expected] == expected

    (connection,) = room.connections
    held = Room()
    room.do(lambda: held.add(connection))
    client.send("close")
    eventually(lambda: connection.ended)
    assert room.do(lambda: held.broadcast(text_frame("too late"))) == []
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


def test_who_does_not_read_is_returned_and_told_of_once_there_is_room(room: Served) -> None:
    with socket.create_connection(("127.0.0.1", room.port), timeout=10) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(1000)
        eventually(lambda: len(room.connections) == 1)
        text = "x" * 1_000_000
        written = 0
        while room.send(text) == 0:
            written += 1
        assert room.send(text) == 1
        assert room.drained == []
        wanted = written * len(text_frame(text))
        size = 0
        while size < wanted:
            size += len(client.recv(min(1 << 20, wanted - size)))
        eventually(lambda: room.drained)
        assert set(room.drained) == set(room.connections)
        assert room.send("x") == 0
        assert client.recv(10) == b"\x81\x01x"


def test_who_leaves_during_a_broadcast_is_passed_over(room: Served) -> None:
    with room.join() as stays, ExitStack() as others:
        leaving = [others.enter_context(room.join()) for _ in range(10)]
        held, others_too = list(room.connections), Room()
        for one in held:
            room.do(partial(others_too.add, one))
        for number, client in enumerate(leaving):
            client.socket.shutdown(socket.SHUT_RDWR)
            assert room.do(partial(others_too.broadcast, text_frame(str(number)))) == []
        eventually(lambda: len(room.connections) == 1)
        assert room.do(lambda: others_too.broadcast(text_frame("end"))) == []
        assert [stays.recv() for _ in range(11)] == [*map(str, range(10)), "end"]
        assert all(one.descriptor == -1 for one in held if one not in room.connections)


CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
"""A client's close frame, 1000, masked with zeros."""
ENDINGS: dict[str, Callable[[FanoutProtocol], None]] = {
    "the client closes": lambda connection: connection.data_received(CLOSE),
    "the client breaks the protocol": lambda connection: connection.data_received(b"\xff" * 9),
    "the server ends": lambda connection: connection.shutdown(),
    "no sign of life": lambda connection: connection.keepalive_timeout(),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_follows_a_close_frame_in_the_same_turn_either(room: Served, ending: str) -> None:
    with room.join() as client:
        (connection,) = room.connections
        room.do(
            lambda: (
                room.room.broadcast(text_frame("before")),
                ENDINGS[ending](connection),
                room.room.broadcast(text_frame("after")),
                connection.write(text_frame("after")),
            )
        )
        assert client.recv(timeout=10) == "before"
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=10)
    eventually(lambda: not room.connections)
    assert len(room.room) == 0


def test_a_connection_may_be_in_several_rooms(room: Served) -> None:
    with room.join() as client, room.join():
        other, connection = Room(), room.connections[0]
        room.do(lambda: other.add(connection))
        room.do(lambda: other.add(connection))
        assert (len(room.room), len(other)) == (2, 1)
        for text in ("both", "one"):
            room.do(partial((room.room if text == "both" else other).broadcast, text_frame(text)))
        assert [client.recv(timeout=10), client.recv(timeout=10)] == ["both", "one"]
        room.do(lambda: other.discard(connection))
        room.do(lambda: other.discard(connection))
        assert (len(room.room), len(other)) == (2, 0)
        assert room.do(lambda: other.broadcast(text_frame("nobody"))) == []

"""A real server on loopback that speaks WebSocket, as well or as badly as a test wants."""

import base64
import hashlib
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
CLOCK = b'{"serverTime":1723161255343,"iso":"2024-08-08T23:54:15.343Z"}'


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """Return an unmasked frame, as servers send them."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return an HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Peer:
    """One WebSocket connection as the server sees it."""

    def __init__(self, made: socket.socket, path: str) -> None:
        self.path = path
        self.received: list[tuple[int, bytes]] = []
        self.answers_pings = True
        self.closed = threading.Event()
        self._made = made

    def texts(self) -> list[str]:
        """Return the texts that came."""
        return [payload.decode() for opcode, payload in self.received if opcode == TEXT]

    def send(self, *payloads: bytes) -> None:
        """Send each as a text message."""
        self.send_raw(b"".join(map(frame, payloads)))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        with suppress(OSError):
            self._made.sendall(data)

    def close(self) -> None:
        """Close the socket without a word."""
        with suppress(OSError):
            self._made.shutdown(socket.SHUT_RDWR)
        self._made.close()

    def serve(self, rest: bytes) -> None:
        """Read frames until the other side has gone."""
        data = rest
        while True:
            while (found := _unmasked(data)) is not None:
                opcode, payload, data = found
                self.received.append((opcode, payload))
                if opcode == PING and self.answers_pings:
                    self.send_raw(frame(payload, PONG))
            try:
                chunk = self._made.recv(65536)
            except OSError:
                chunk = b""
            if not chunk:
                self.closed.set()
                self.close()
                return
            data += chunk


def _unmasked(data: bytes) -> tuple[int, bytes, bytes] | None:
    if len(data) < 6:
        return None
    length, at = data[1] & 0x7F, 2
    if length == 126:
        length, at = struct.unpack("!H", data[2:4])[0], 4
    if len(data) < at + 4 + length:
        return None
    mask = data[at : at + 4]
    body = data[at + 4 : at + 4 + length]
    payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
    return data[0] & 0x0F, payload, data[at + 4 + length :]


class ExchangeServer:
    """The listening side. ``answers`` are given to the next requests in place of an upgrade."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._context = context
        port = self._listening.getsockname()[1]
        self.websocket_url = f"{'wss' if context else 'ws'}://127.0.0.1:{port}/ws"
        self.rest_url = f"{'https' if context else 'http'}://127.0.0.1:{port}/rest"
        self.answers: deque[bytes] = deque()
        self.clock = http("200 OK", body=CLOCK)
        self.rest: dict[str, bytes] = {}
        """Answers of the REST interface by path."""
        self.rest_otherwise: Callable[[str], bytes] = lambda path: self.clock
        """Its answer to every other path."""
        self.rest_asked: list[tuple[float, str]] = []
        """When (monotonic seconds) the REST interface was asked for which path."""
        self.heads: list[str] = []
        """First line and headers of each request."""
        self.asked = 0
        """Requests for an upgrade so far."""
        self.peers: list[Peer] = []
        self.live = self.most_live = 0
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._closing = False
        self._start(self._accept)

    def _start(self, work: "object", *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listening.accept()
                if self._closing:
                    made.close()
                    return
            except OSError:
                return
            self._sockets.append(made)
            self._start(self._converse, made)

    def _converse(self, made: socket.socket) -> None:
        try:
            if self._context is not None:
                made = self._context.wrap_socket(made, server_side=True)
                self._sockets.append(made)
            request = b""
            while b"\r\n\r\n" not in request:
                chunk = made.recv(65536)
                if not chunk:
                    made.close()
                    return
                request += chunk
        except OSError:
            made.close()
            return
        head, _, rest = request.partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        self.heads.append(head.decode())
        if path.startswith("/rest"):
            self.rest_asked.append((time.monotonic(), path))
            found = self.rest.get(path)
            self._answer(made, self.rest_otherwise(path) if found is None else found)
            return
        with self._lock:
            self.asked += 1
        if self.answers:
            self._answer(made, self.answers.popleft())
            return
        self._upgrade(made, path, head, rest)

    def _answer(self, made: socket.socket, answer: bytes) -> None:
        with suppress(OSError):
            made.sendall(answer)
            if answer.endswith(b"..."):  # and goes on for ever
                while made.recv(1024):
                    pass
        made.close()

    def _upgrade(self, made: socket.socket, path: str, head: bytes, rest: bytes) -> None:
        key = next(
            line.partition(b":")[2].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        peer = Peer(made, path)
        with self._lock:
            self.live += 1
            self.most_live = max(self.most_live, self.live)
        made.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self.peers.append(peer)
        peer.serve(rest)
        with self._lock:
            self.live -= 1

    def close(self) -> None:
        """Close everything."""
        self._closing = True
        with suppress(OSError):  # wakes accept
            socket.create_connection(self._listening.getsockname(), timeout=1).close()
        self._listening.close()
        for made in self._sockets:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

"""One open socket to an exchange, as a reader in the feed's loop.

Bytes come in and messages go out to ``on_message``, never waiting; pings are answered. What ends
the socket is left in ``lost`` for its owner to find.
"""

import ssl
from collections.abc import Callable

import websocket

from bus.actor import Instant, Send
from procs.feed.frames import Frames, TooLong
from procs.feed.watch import Silence

RECV_BYTES = 256 << 10
DRAIN_READS = 64
"""Reads in one go from a socket that is about to be closed."""

OnMessage = Callable[[bytes, Instant], bool]
"""Takes a message; returns whether it was data, which shows that the connection is good."""


class Line:
    """One open socket, as a reader in the feed's loop."""

    def __init__(self, made: websocket.WebSocket, on_message: OnMessage, now: Instant) -> None:
        assert made.sock is not None
        self._made = made
        self._socket = made.sock
        self._fd = made.sock.fileno()
        self._frames = Frames()
        self._on_message = on_message
        self.silence = Silence(now.mono)
        self.opened = now.mono
        self.data_since: int | None = None
        """When the first data came, on the clock that only goes forward."""
        self.lost: str | None = None

    @property
    def oversized(self) -> int:
        """Messages that were over the limit and skipped."""
        return self._frames.oversized

    @property
    def has_data(self) -> bool:
        """True once data have come."""
        return self.data_since is not None

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._fd

    def pending(self) -> bool:
        """Return whether TLS holds bytes that the descriptor does not show."""
        pending = getattr(self._socket, "pending", None)
        return self.lost is None and pending is not None and pending() > 0

    def on_readable(self, now: Instant) -> list[Send]:
        """Read what is there, at most 256 KiB, and hand over each message."""
        self._read(now)
        return []

    def drain(self, now: Instant) -> bool:
        """Read on until nothing is left, or for a while; return whether nothing is left."""
        return any(not self._read(now) for _ in range(DRAIN_READS))

    def _read(self, now: Instant) -> bool:
        """Read once; return whether anything came."""
        if self.lost is not None:
            return False
        try:
            data = self._socket.recv(RECV_BYTES)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as error:
            self.lost = f"{type(error).__name__}: {error}"[:200]
            return False
        if not data:
            self.lost = "the exchange closed the connection"
            return False
        self.silence.heard(now.mono)
        try:
            for opcode, payload in self._frames.take(data):
                self._message(opcode, payload, now)
        except (TooLong, websocket.WebSocketException) as error:
            self.lost = f"{type(error).__name__}: {error}"[:200]
        return True

    def _message(self, opcode: int, payload: bytes, now: Instant) -> None:
        if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
            if self._on_message(payload, now) and self.data_since is None:
                self.data_since = now.mono
        elif opcode == websocket.ABNF.OPCODE_PING:
            self._send(payload, websocket.ABNF.OPCODE_PONG)
        elif opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.lost = f"the exchange closed the connection, code {code}"

    def send(self, text: str) -> None:
        """Send a text; a socket that takes nothing is lost."""
        self._send(text.encode(), websocket.ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Ask whether anybody is there."""
        self._send(b"tickwire", websocket.ABNF.OPCODE_PING)

    def _send(self, payload: bytes, opcode: int) -> None:
        try:
            self._made.send(payload, opcode)
        except (OSError, websocket.WebSocketException) as error:
            self.lost = f"{type(error).__name__}: {error}"[:200]

    def close(self) -> None:
        """Close the socket at once."""
        self._made.shutdown()

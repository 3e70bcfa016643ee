"""One WebSocket frame to thousands of uvicorn's connections, at about the cost of ``write()``.

Sending by ASGI costs a coroutine, a message and a frame per client. Here a frame is built once and
the kernel takes it by one ``os.write`` per client. Pass ``FanoutProtocol`` to uvicorn as ``ws=``::

    uvicorn.run(app, ws=FanoutProtocol)

The application accepts, reads and closes as ever. Once it has accepted, it finds its connection in
``scope["extensions"]["fanout"]`` and adds it to a room, of which it may be in several::

    room = Room()
    room.add(websocket.scope["extensions"]["fanout"])
    behind = room.broadcast(text_frame('{"price": 1}'))

A client that has not taken all of what it was sent before is returned instead of being written to:
what it missed is the caller's to decide; ``drained`` is called once it has taken everything. So at
most one broadcast waits in memory for each client. Pings, pongs and closes go through the transport
and never end up inside a frame. Under TLS everything goes through the transport. For one event
loop: nothing here may be called from another thread.

With ``ws_per_message_deflate``, uvicorn's default, a client may ask for compression (RFC 7692).
Each message is then compressed by itself, so that a frame is compressed once for all who take it,
and no connection keeps a window. ``framed`` of a connection makes frames as it takes them: only who
has ``compressed_frame`` there may be sent what that makes.

What makes it cheap is that a broadcast looks at numbers only. Whatever bars a connection from being
written to directly (something waits, it is closing, it is lost) is noted in its rooms when it
happens: looking at each connection's own objects, which are out of the processor's caches after
thousands of ``write()``, takes a fifth of the time that the kernel needs.
"""

import asyncio
import os
import zlib
from array import array
from collections.abc import Callable, Sequence
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame
from websockets.typing import ExtensionParameter

EXTENSION = "fanout"
COMPRESSED_FROM = 512
"""Bytes of a text. Of shorter ones compression saves a third or less, of longer ones most."""
_TEXT = 0x81
"""FIN and the opcode of text, RFC 6455 section 5.2."""
_COMPRESSED = 0xC1
"""With RSV1 beside them: a compressed text, RFC 7692 section 6."""
_WINDOW_BITS, _MEMORY, _LEVEL = 12, 5, 1
"""zlib's: its own 15 and 8 take it 50 µs to make ready, whatever the text; these a tenth."""
_SETTINGS = {"memLevel": _MEMORY, "level": _LEVEL}
_SYNC = b"\x00\x00\xff\xff"
"""The end of what is compressed, which is not sent, RFC 7692 section 7.2.1."""
_GROWS, _GROWS_BYTES = 16, 1024
"""What comes in may become so many times as large, and so many bytes more: for a text that is much.
A message of 100 bytes can otherwise become one of 64 KiB, of which thousands are read at a time."""
Framed = Callable[[str], bytes]
"""Makes a text the whole frame."""


class _Deflate(PerMessageDeflate):
    """Compression as agreed with one client."""

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Unpack a frame, unless it becomes much larger than it is."""
        grown = _GROWS_BYTES + _GROWS * len(frame.data)
        return super().decode(frame, max_size=grown if max_size is None else min(grown, max_size))


class _Alone(ServerPerMessageDeflateFactory):
    """Agrees to compression of each message by itself."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Return what is answered to an offer, and the agreement."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        bits = agreed.remote_max_window_bits, agreed.local_max_window_bits
        return answer, _Deflate(True, True, *bits, _SETTINGS)


_ALONE = _Alone()


def text_frame(text: str) -> bytes:
    """Return the whole frame, as a server sends it: one text message, not masked."""
    return _frame(_TEXT, text.encode())


def compressed_frame(text: str) -> bytes:
    """Return the whole frame for who has agreed to compression; a short text stays as it is."""
    payload = text.encode()
    if len(payload) < COMPRESSED_FROM:
        return _frame(_TEXT, payload)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY)
    packed = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
    return _frame(_COMPRESSED, packed.removesuffix(_SYNC))


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


class FanoutProtocol(WebSocketsSansIOProtocol):
    """One WebSocket that can be written to past ASGI."""

    owner: Any = None
    """Whose connection this is; nothing here looks at it."""
    filled: "Callable[[Any], None] | None" = None
    """Called with the connection whenever the kernel has not taken everything."""
    drained: "Callable[[Any], None] | None" = None
    """Called with the connection whenever it then has."""
    framed: Framed = staticmethod(text_frame)
    """Makes frames as the client takes them; known once the application is called."""
    descriptor = -1
    """Where frames may be written straight to now; -1 where they may not."""
    _socket = -1
    """What it is whenever nothing waits."""
    _rooms: "tuple[Room, ...]" = ()
    _close_sent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        if self.conn.available_extensions:
            self.conn.available_extensions = [_ALONE]
        # So that it is told whenever anything waits: what is written is tried at once, and what is
        # left over makes the transport pause this. With TLS asyncio pauses at that many bytes,
        # which none at all would be.
        secret = transport.get_extra_info("ssl_object") is not None
        self.transport.set_write_buffer_limits(high=1 if secret else 0, low=0)
        if not secret:
            self._socket = transport.get_extra_info("socket").fileno()
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: the number may soon be another connection's."""
        self._socket = -1
        self._settle()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """Serve the socket; the application finds this object in the scope."""
        cast(dict[str, Any], self.scope)["extensions"][EXTENSION] = self
        for agreed in self.conn.extensions:
            if isinstance(agreed, PerMessageDeflate):
                large = agreed.local_max_window_bits >= _WINDOW_BITS
                self.framed = compressed_frame if large else text_frame
        await super().run_asgi()
        self._settle()

    def pause_writing(self) -> None:
        """Tell that something waits."""
        super().pause_writing()
        self._settle()
        if self.filled is not None:
            self.filled(self)

    def resume_writing(self) -> None:
        """Tell that nothing waits any more."""
        super().resume_writing()
        self._settle()
        if self.drained is not None:
            self.drained(self)

    @property
    def close_sent(self) -> bool:
        """True once a close frame has been sent: nothing may follow it."""
        return self._close_sent

    @close_sent.setter
    def close_sent(self, sent: bool) -> None:
        self._close_sent = sent
        if sent:
            self._settle()

    def handle_close(self, event: Frame) -> None:
        """Answer the client's close frame."""
        super().handle_close(event)
        self._settle()

    def shutdown(self) -> None:
        """Close, as the server ends."""
        super().shutdown()
        self._settle()

    @property
    def ended(self) -> bool:
        """True once nothing may be sent: it is closed, or being closed."""
        return self._close_sent or self.transport.is_closing()

    def write(self, frames: bytes) -> bool:
        """Send whole frames; False, and nothing of them is sent, while earlier bytes wait.

        What is sent to a connection that has ended is dropped.
        """
        if not self.ended:
            if not self.writable.is_set():
                return False
            self.transport.write(frames)
        return True

    def _settle(self) -> None:
        """Let the rooms know where frames may be written straight to now."""
        descriptor = self._socket if self.writable.is_set() and not self.ended else -1
        if descriptor != self.descriptor:
            for room in self._rooms:
                room.move(self, descriptor)
            self.descriptor = descriptor


class Room:
    """Connections that are sent the same frames."""

    __slots__ = ("_descriptors", "_direct", "_others")

    def __init__(self) -> None:
        self._direct: dict[int, FanoutProtocol] = {}
        """By descriptor, those that nothing bars from being written to straight."""
        self._others: dict[FanoutProtocol, None] = {}
        self._descriptors: array[int] | None = None
        """Those of ``_direct`` in one piece: a dict's keys are objects all over the memory."""

    def __len__(self) -> int:
        return len(self._direct) + len(self._others)

    def add(self, connection: FanoutProtocol) -> None:
        """Add a connection; one that has ended takes nothing, and stays until it is discarded."""
        if self not in connection._rooms:
            connection._rooms += (self,)
            self._place(connection, connection.descriptor)

    def discard(self, connection: FanoutProtocol) -> None:
        """Remove a connection, if it is there."""
        if self in connection._rooms:
            connection._rooms = tuple(room for room in connection._rooms if room is not self)
            self._displace(connection)

    def move(self, connection: FanoutProtocol, descriptor: int) -> None:
        """Note where a connection, whose ``descriptor`` is the old one, is to be written to now."""
        self._displace(connection)
        self._place(connection, descriptor)

    def broadcast(self, frames: bytes) -> list[FanoutProtocol]:
        """Send the same whole frames to all; return who was sent nothing, as earlier bytes wait.

        What is sent to a connection that has ended is dropped.
        """
        others = list(self._others)
        short: list[tuple[FanoutProtocol, int]] = []
        size = len(frames)
        write = os.write
        if self._descriptors is None:
            self._descriptors = array("i", self._direct)
        for descriptor in self._descriptors:
            try:
                sent = write(descriptor, frames)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                continue  # it is broken, which its transport learns by reading
            if sent != size:
                short.append((self._direct[descriptor], sent))
        for connection, sent in short:
            connection.transport.write(frames[sent:])
        return [connection for connection in others if not connection.write(frames)]

    def _place(self, connection: FanoutProtocol, descriptor: int) -> None:
        if descriptor >= 0:
            self._direct[descriptor] = connection
            self._descriptors = None
        else:
            self._others[connection] = None

    def _displace(self, connection: FanoutProtocol) -> None:
        if connection.descriptor >= 0:
            del self._direct[connection.descriptor]
            self._descriptors = None
        else:
            del self._others[connection]

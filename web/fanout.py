"""One WebSocket frame to thousands of uvicorn's connections, at about the cost of ``write()``.

Sending by ASGI costs a coroutine, a message and a frame per client. Here a frame is built once and
the kernel takes it by one ``os.write`` per client. Pass ``FanoutProtocol`` to uvicorn as ``ws=``::

    uvicorn.run(app, ws=FanoutProtocol, ws_per_message_deflate=False)

The application accepts, reads and closes as ever. Once it has accepted, it finds its connection in
``scope["extensions"]["fanout"]`` and hands it to ``broadcast``::

    clients.add(websocket.scope["extensions"]["fanout"])
    behind = broadcast(clients, text_frame('{"price": 1}'))

A client that has not taken all of what it was sent before is returned instead of being written to:
what it missed is the caller's to decide; ``drained`` is called once it has taken everything. So at
most what one turn of the loop sends waits in memory for each client. Pings, pongs and closes go
through the transport and never end up inside a frame. Under TLS everything goes through the
transport. Compression must not be negotiated. For one event loop: nothing here may be called from
another thread.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "fanout"
_TEXT = 0x81
"""FIN and the opcode of text, RFC 6455 section 5.2."""


def text_frame(text: str) -> bytes:
    """Return the whole frame, as a server sends it: one text message, not masked."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload


class FanoutProtocol(WebSocketsSansIOProtocol):
    """One WebSocket that can be written to past ASGI."""

    owner: Any = None
    """Whose connection this is; nothing here looks at it."""
    filled: "Callable[[Any], None] | None" = None
    """Called with the connection whenever the kernel has not taken everything."""
    drained: "Callable[[Any], None] | None" = None
    """Called with the connection whenever it then has."""
    descriptor = -1
    """Where frames may be written straight to; -1 where they may not."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        # From the first bytes that wait on, so that "nothing waits any more" is told. Not 0: with
        # TLS asyncio pauses at that many bytes, which none at all would be.
        self.transport.set_write_buffer_limits(high=1, low=0)
        if transport.get_extra_info("ssl_object") is None:
            self.descriptor = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: the number may soon be another connection's."""
        self.descriptor = -1
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        """Serve the socket; the application finds this object in the scope."""
        cast(dict[str, Any], self.scope)["extensions"][EXTENSION] = self
        await super().run_asgi()

    def pause_writing(self) -> None:
        """Tell that something waits."""
        super().pause_writing()
        if self.filled is not None:
            self.filled(self)

    def resume_writing(self) -> None:
        """Tell that nothing waits any more."""
        super().resume_writing()
        if self.drained is not None:
            self.drained(self)

    @property
    def ended(self) -> bool:
        """True once nothing may be sent: it is closed, or being closed."""
        return self.close_sent or self.transport.is_closing()

    def write(self, frames: bytes) -> bool:
        """Send whole frames; False, and nothing of them is sent, while earlier bytes wait.

        What is sent to a connection that has ended is dropped.
        """
        return not broadcast((self,), frames)


Connection = TypeVar("Connection", bound=FanoutProtocol)


def broadcast(connections: Iterable[Connection], frames: bytes) -> list[Connection]:
    """Send the same whole frames to all; return those to which nothing was, as earlier bytes wait.

    What is sent to a connection that has ended is dropped. What one turn of the loop sends is all
    that ever waits in a connection's transport.
    """
    behind = []
    size = len(frames)
    write = os.write
    for connection in connections:
        transport = connection.transport
        if transport.is_closing() or connection.close_sent:
            continue
        descriptor = connection.descriptor
        if transport.get_write_buffer_size() or descriptor < 0:
            # What has come into the buffer since the loop's last turn is not known to wait yet.
            if connection.writable.is_set():
                transport.write(frames)
            else:
                behind.append(connection)
            continue
        try:
            sent = write(descriptor, frames)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            continue  # it is broken, which its transport learns by reading
        if sent != size:
            transport.write(frames[sent:])
    return behind

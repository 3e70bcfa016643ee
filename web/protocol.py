"""uvicorn's protocol of WebSockets with our limits, and a way to close one that does not listen.

``LiveConnection`` can be closed whatever its buffer holds, and counts the control frames that never
reach the application.
"""

import asyncio
import socket
import struct
from typing import cast

from starlette.types import Scope
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Frame

from bus.actor import instant
from web.admission import spread_ms
from web.fanout import EXTENSION, FanoutProtocol, Room
from web.limits import Bucket, Limits

PIECE_BYTES = 1 << 10
"""Of what has come so much is taken at a time: more may be in it than may be held, or than there is
time for. Of the smallest frames there are 170 in it."""
GOING_AWAY, NO_TEXT, IDLE, TOO_BIG, RESTART = 1001, 1007, 1008, 1009, 1012
TOO_SLOW, TOO_MANY = 4408, 4429


class LiveConnection(FanoutProtocol):
    """One WebSocket. ``limits`` is set by ``limited``."""

    limits = Limits()
    audience = Room
    _heard_closing = 0
    """Bytes since it has been closed from here, which the client's answer is looked for in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count control frames."""
        super().connection_made(transport)
        made = transport.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.send_buffer_bytes)
        self._controls = Bucket(self.limits.messages_per_minute)

    def data_received(self, data: bytes) -> None:
        """Take what has come, as long as it may come; of the rest nothing is even looked at."""
        for begin in range(0, len(data), PIECE_BYTES):
            if self._heard_closing > PIECE_BYTES:
                return
            piece = data[begin : begin + PIECE_BYTES]
            super().data_received(piece)
            if self.queue.qsize() > self.limits.messages_per_minute:
                self.evict(TOO_MANY, "too many messages at once")
            if self.close_sent:
                self._heard_closing += len(piece)

    async def send(self, message: ASGISendEvent) -> None:
        """Send, unless the socket has been closed from here."""
        if self.close_sent and message["type"].startswith("websocket.") and self.handshake_complete:
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # Refused: that ends the handshake too, and is no error to be logged.
            self.handshake_complete = True

    def evict(self, code: int, reason: str) -> None:
        """Close with ``code``, however full the buffer is, and cut if it is not answered soon."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.writable.set()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.limits.close_within_s, self._cut)

    def _cut(self) -> None:
        """End at once; what the kernel still has for a client that does not read is given up."""
        if self.transport.get_write_buffer_size():
            made = self.transport.get_extra_info("socket")
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def shutdown(self) -> None:
        """Send the client away for a moment: 1012, and over how many ms to spread the return."""
        if not self.handshake_complete:
            super().shutdown()
            return
        spread = spread_ms(len(self.connections))
        self.evict(RESTART, f'{{"spread_ms":{spread}}}')

    def keepalive_timeout(self) -> None:
        """Close a client that has not answered a ping."""
        self.pong_timer = None
        self.evict(GOING_AWAY, "no sign of life")

    def handle_ping(self) -> None:
        """Answer a ping, as long as there are not too many of them."""
        if self._controls.take(instant().mono):
            super().handle_ping()
        else:
            self.conn.data_to_send()
            self.evict(TOO_MANY, "too many pings")

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping, and others, as long as there are not too many of them."""
        if self._controls.take(instant().mono):
            super().handle_pong(event)
        else:
            self.evict(TOO_MANY, "too many pongs")

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message to the application, unless it says text and is none."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.evict(NO_TEXT, "no UTF-8")
                return
        super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment, as long as there are not too many of them."""
        if len(self.frames) >= self.limits.fragments:
            self.evict(TOO_BIG, "too many fragments")
        else:
            super().handle_cont(event)


def limited(limits: Limits) -> type[LiveConnection]:
    """Return the protocol with these limits."""
    return type("LiveConnection", (LiveConnection,), {"limits": limits})


def connection_of(scope: Scope) -> LiveConnection:
    """Return the connection that serves a WebSocket's scope."""
    return cast(LiveConnection, scope["extensions"][EXTENSION])

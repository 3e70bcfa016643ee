"""uvicorn's two protocols with our limits, and a way to close a WebSocket that does not listen.

``HttpConnection`` cuts a request whose headers are too many, too large or too slow, and answers a
broken one in the error envelope. ``LiveConnection`` can be closed whatever its buffer holds, and
counts the control frames that never reach the application.
"""

import asyncio
import secrets
from typing import cast

import msgspec
from starlette.types import Scope
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Frame

from bus.actor import instant
from web.answers import CODES, Envelope, Problem
from web.fanout import EXTENSION, FanoutProtocol
from web.limits import Bucket, Limits

GOING_AWAY, NO_TEXT, IDLE, TOO_BIG, RESTART = 1001, 1007, 1008, 1009, 1012
TOO_SLOW, TOO_MANY = 4408, 4429
SPREAD_MS_MIN, SPREAD_MS_MAX = 500, 30_000


def spread_ms(connections: int) -> int:
    """Return over how many ms so many clients should spread their return: a thousand a second."""
    return max(SPREAD_MS_MIN, min(SPREAD_MS_MAX, connections))


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection. ``limits`` is set by ``limited``."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._refused = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the request was refused."""
        if not self._refused:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Count from here."""
        super().on_message_begin()
        self._head_bytes = 0
        if self._head_timer is None:
            self._wait_for_head()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve the request, which is whole but for its body."""
        self._stop_waiting()
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of the request."""
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be read."""
        if not self._refused:
            self._refuse(400, "the request is not HTTP")

    def _count(self, size: int) -> None:
        self._head_bytes += size
        many = len(self.headers) >= self.limits.headers
        if (self._head_bytes > self.limits.head_bytes or many) and not self._refused:
            self._refuse(431, f"more than {self.limits.head_bytes} bytes or too many of headers")

    def _refuse(self, status: int, sentence: str) -> None:
        self._refused = True
        request_id = secrets.token_hex(8)
        problem = Problem(CODES[status], sentence, None, request_id)
        body = msgspec.json.encode(Envelope(success=False, error=problem))
        head = (
            f"content-type: application/json\r\nx-request-id: {request_id}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_within_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class LiveConnection(FanoutProtocol):
    """One WebSocket. ``limits`` is set by ``limited``."""

    limits = Limits()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count control frames."""
        super().connection_made(transport)
        self._controls = Bucket(self.limits.messages_per_minute)

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
        self.close_timer = self.loop.call_later(self.limits.close_within_s, self.transport.abort)

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


def limited(limits: Limits) -> tuple[type[HttpConnection], type[LiveConnection]]:
    """Return the two protocols with these limits."""
    http = type("HttpConnection", (HttpConnection,), {"limits": limits})
    live = type("LiveConnection", (LiveConnection,), {"limits": limits})
    return http, live


def connection_of(scope: Scope) -> LiveConnection:
    """Return the connection that serves a WebSocket's scope."""
    return cast(LiveConnection, scope["extensions"][EXTENSION])

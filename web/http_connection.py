"""uvicorn's protocol of HTTP with our limits.

``HttpConnection`` cuts a request that is too large or too slow, and whoever takes an answer too
slowly; it answers a broken request, and one that there is no room for, in the error envelope. It
puts itself into the ASGI scope, so that an answer without an end can be ended. At shutdown what is
asked, or about to be, is answered yet.
"""

import asyncio
import fcntl
import secrets
import sys
import termios
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import msgspec
from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from web.answers import CODES, Envelope, Problem
from web.limits import Limits

EXTENSION = "tickwire.http"
RETRY_AFTER_S = 10


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection. ``limits``, ``room`` and ``counters`` are set by ``limited``."""

    limits = Limits()
    room = 1 << 20
    counters: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._refused = False
        self._last = False
        self._running: RequestResponseCycle | None = None
        self._beyond = len(self.connections) > self.room
        self._read_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        self._stop_watching()
        if self.scope is not None:
            cast(dict[str, Any], self.scope).pop(EXTENSION, None)  # or both live on for a while
        super().connection_lost(exc)
        # Of requests that came one after the other uvicorn only tells the last.
        self.pipeline.clear()
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the request was refused."""
        if not self._refused:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Count from here."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[EXTENSION] = self
        self._head_bytes = 0
        if self._read_timer is None:
            self._wait_for_request()
        if not self.flow.write_paused:
            self._stop_watching()  # who asks again has read the answer

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
        if self._beyond and not self._refused:
            self.counters["refused_full"] += 1
            self._refuse(503, "there are too many connections", {"retry-after": RETRY_AFTER_S})
        if not self._refused:
            super().on_headers_complete()
            if self._last and self.cycle is not None:
                self.cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        """Become a WebSocket, unless the request was refused."""
        self._stop_waiting()
        if not self._refused:
            super().handle_websocket_upgrade()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of the request."""
        self._stop_waiting()
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request; what of the answer was not taken yet must be in time."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._watch()

    def pause_writing(self) -> None:
        """Let the application wait, but not for ever."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on."""
        self._stop_watching()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be read."""
        if not self._refused:
            self._refuse(400, "the request is not HTTP")

    def serve_last(self) -> None:
        """Answer what is asked, or will be in a moment, and close with that answer."""
        self._last = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    @property
    def idle(self) -> bool:
        """True while it waits for a request, the first or another."""
        return not self._refused and (self.cycle is None or self.cycle.response_complete)

    def end_stream(self) -> None:
        """End an answer that has no end, as if it were whole, and close."""
        cycle = self._running
        if cycle is None or cycle.response_complete or self.transport.is_closing():
            return
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.chunked_encoding:
            self.transport.write(b"0\r\n\r\n")
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        many = len(self.headers) >= self.limits.headers
        if (self._head_bytes > self.limits.head_bytes or many) and not self._refused:
            self._refuse(431, f"more than {self.limits.head_bytes} bytes or too many of headers")

    def _refuse(
        self, status: int, sentence: str, headers: Mapping[str, object] | None = None
    ) -> None:
        self._refused = True
        request_id = secrets.token_hex(8)
        problem = Problem(CODES[status], sentence, None, request_id)
        body = msgspec.json.encode(Envelope(success=False, error=problem))
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = (
            f"content-type: application/json\r\nx-request-id: {request_id}\r\n{more}"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()

    # ---- time

    def _wait_for_request(self) -> None:
        within_s = self.limits.close_within_s if self._beyond else self.limits.head_within_s
        self._read_timer = self.loop.call_later(within_s, self._request_is_late)

    def _request_is_late(self) -> None:
        self._read_timer = None
        if self.flow.read_paused:
            self._wait_for_request()  # it is we who do not read
        else:
            self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _watch(self) -> None:
        """Cut the connection unless so many bytes a second are taken from now on."""
        if self._write_timer is None:
            self._unsent = self._left()
            self._write_timer = self.loop.call_later(self.limits.slow_after_s, self._look)

    def _look(self) -> None:
        self._write_timer = None
        if not self.transport.get_write_buffer_size():
            return
        due = self.limits.answer_bytes_per_s * self.limits.slow_after_s
        if self._left() > self._unsent - due:
            self.counters["cut_readers"] += 1
            self.transport.abort()
        else:
            self._watch()

    def _left(self) -> int:
        """Return how many bytes the client has not taken: those in the kernel, and those here.

        The kernel takes more only once a good part of what it has is gone.
        """
        here = self.transport.get_write_buffer_size()
        try:
            descriptor = self.transport.get_extra_info("socket").fileno()
            queued = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return here
        return here + int.from_bytes(queued, sys.byteorder)

    def _stop_watching(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def limited(limits: Limits, room: int, counters: Counter[str]) -> type[HttpConnection]:
    """Return the protocol with these limits, room for so many connections, and where to count."""
    return type(
        "HttpConnection",
        (HttpConnection,),
        {"limits": limits, "room": room, "counters": counters},
    )


def http_connection_of(scope: Scope) -> HttpConnection | None:
    """Return the connection that serves a request's scope, None once it is lost."""
    return cast(HttpConnection | None, scope.get(EXTENSION))

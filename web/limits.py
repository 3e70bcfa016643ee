"""The limits of one connection and one request, each with what happens when it is passed.

What an operator may want otherwise is a setting, ``Limits.of(settings)``; the rest is fixed here.
"""

from dataclasses import dataclass
from typing import Self

from bus.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Named limits. Times in seconds."""

    frame_bytes: int = 64 << 10
    """Larger incoming WebSocket messages: closed 1009."""
    fragments: int = 1024
    """Fragments of one incoming message; more: closed 1009."""
    messages_per_minute: int = 100
    """Incoming messages of one WebSocket, and as many control frames; more: closed 4429."""
    symbols: int = 50
    """Named symbols of one connection; more: ``rejected``."""
    suggestions: int = 3
    """Unknown names of one message that are told the nearest known one, which is slow to find."""
    slow_after_s: float = 15.0
    """A client that takes nothing for so long: closed 4408."""
    send_buffer_bytes: int = 32 << 10
    """What the kernel keeps for one WebSocket that does not read (Linux keeps twice as much): by
    itself it would take megabytes before anybody learns that nothing is read."""
    idle_after_s: float = 10.0
    """A WebSocket whose client has not subscribed to anything by then: closed 1008."""
    compressed: bool = True
    """Frames of some length, for clients that can take them compressed."""
    ping_every_s: float = 30.0
    """The server's ping."""
    pong_within_s: float = 60.0
    """After a ping without an answer for so long (90 s without any sign): closed."""
    close_within_s: float = 2.0
    """What a client has to answer our close, before its connection is cut."""
    head_bytes: int = 32 << 10
    """Request line and headers together; more: 431."""
    headers: int = 100
    """Header lines; more: 431."""
    head_within_s: float = 10.0
    """A request whose headers and body take longer is cut."""
    query_chars: int = 2048
    """Query string; longer: 400."""
    body_bytes: int = 64 << 10
    """Request body; larger: 413."""
    answer_bytes_per_s: int = 4 << 10
    """Who takes an answer more slowly than that over ``slow_after_s`` is cut."""
    answer_within_s: float = 10.0
    """An answer that takes longer, because the database does: 503."""
    sse_comment_every_s: float = 15.0
    """A comment keeps an event stream alive through proxies."""
    per_address: int = 20
    """Live connections of one client address, over all web processes; more: 429. 0: any number."""
    connections: int = 0
    """Connections of one process; more: 503. 0: as many as it may open files, less a reserve."""
    send_away_s: float = 2.0
    """Over how long, at most, clients are sent away at shutdown, in batches."""
    drain_s: float = 2.0
    """What open requests and closing sockets have afterwards."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that the settings ask for."""
        return cls(
            frame_bytes=settings.ws_frame_bytes,
            messages_per_minute=settings.ws_messages_per_minute,
            symbols=settings.ws_symbols,
            slow_after_s=settings.ws_slow_after_s,
            per_address=settings.ws_per_address,
            compressed=settings.ws_compression,
            ping_every_s=settings.ws_ping_every_s,
            pong_within_s=settings.ws_pong_within_s,
            head_bytes=settings.http_head_bytes,
            head_within_s=settings.http_head_within_s,
            query_chars=settings.http_query_chars,
            body_bytes=settings.http_body_bytes,
            sse_comment_every_s=settings.sse_comment_every_s,
        )


class Bucket:
    """A token bucket: ``per_minute`` at once, refilled evenly. Time is an argument, µs."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._tokens = float(per_minute)
        self._at: int | None = None

    def take(self, now: int, tokens: int = 1) -> bool:
        """Take so many tokens; False, and none is taken, when there are less."""
        if self._at is not None:
            refilled = (now - self._at) * self._per_minute / 60e6
            self._tokens = min(float(self._per_minute), self._tokens + refilled)
        self._at = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True

"""Server-sent events as an outlet of the hub: the same bytes rules as for a WebSocket.

In come whole events as bytes, one write at a time; out go the pieces of a response's body, with a
comment whenever nothing was sent for a while, which keeps proxies from cutting the connection. The
format is that of the HTML standard, section 9.2.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.responses import StreamingResponse

from web.cohort import Client, OneByOne
from web.services import Services

RETRY_MS = 2000
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_COMMENT = b": still here\n\n"


class EventStream:
    """One response that goes on."""

    owner: Client
    drained: Callable[["EventStream"], None] | None = None
    filled: Callable[["EventStream"], None] | None = None
    audience = OneByOne

    def __init__(self) -> None:
        self._waiting: bytes | None = None
        self._awake = asyncio.Event()
        self.ended = False

    def write(self, frames: bytes) -> bool:
        """Send whole events; False, and nothing of them is sent, while earlier ones wait."""
        if self._waiting is not None:
            return False
        self._waiting = frames
        self._awake.set()
        return True

    def evict(self, code: int, reason: str) -> None:
        """End the response once its last write is through; the client may come back."""
        self.ended = True
        self._awake.set()

    async def next(self, within_s: float) -> bytes | None:
        """Return what waits, None when there is nothing after so long."""
        if self._waiting is None and not self.ended:
            try:
                async with asyncio.timeout(within_s):
                    await self._awake.wait()
            except TimeoutError:
                pass
        self._awake.clear()
        return self._waiting

    def taken(self) -> None:
        """What ``next`` returned is sent."""
        self._waiting = None
        if self.drained is not None:
            self.drained(self)


def respond(services: Services, begin: Callable[[EventStream], Client]) -> StreamingResponse:
    """Return the response that sends what the hub has for a client.

    Args:
        services: the shared parts.
        begin: makes the client once the response has begun; what it puts goes first.
    """
    return StreamingResponse(
        _events(services, begin), headers=_HEADERS, media_type="text/event-stream"
    )


async def _events(
    services: Services, begin: Callable[[EventStream], Client]
) -> AsyncIterator[bytes]:
    broadcaster = services.broadcaster
    stream = EventStream()
    client = begin(stream)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        broadcaster.open(client)
        while not stream.ended:
            events = await stream.next(services.limits.sse_comment_every_s)
            if events:
                yield events
                stream.taken()
            elif not stream.ended:
                yield _COMMENT
    finally:
        broadcaster.close(client)

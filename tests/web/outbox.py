"""What a client of the hub is sent, kept for a test to read."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.web.messages import at
from web.cohort import Audience, Client, Codec, OneByOne
from web.hub import Hub


class Outbox:
    """An outlet that keeps the texts of what it is sent; ``full`` it takes nothing."""

    owner: Client
    drained: Callable[[Any], None] | None = None
    filled: Callable[[Any], None] | None = None
    audience: Callable[[], Audience] = OneByOne

    def __init__(self) -> None:
        self.full = False
        self.writes: list[list[str]] = []
        self.evicted: list[int] = []

    def write(self, frames: bytes) -> bool:
        """Take the frames, unless it is full."""
        if self.full:
            return False
        self.writes.append(texts(frames))
        return True

    def evict(self, code: int, reason: str) -> None:
        """Note that it is to be closed."""
        self.evicted.append(code)

    def read(self) -> list[str]:
        """Return and forget what it was sent."""
        found = [text for write in self.writes for text in write]
        self.writes.clear()
        return found


class Counts:
    """Counts what a client was sent."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.received: list[int | None] = []

    def opened(self) -> None:
        """Count an opening."""
        self.seen["opened"] += 1

    def closed(self) -> None:
        """Count an end."""
        self.seen["closed"] += 1

    def wrote(self, texts: int, received: int | None) -> None:
        """Count texts."""
        self.seen["texts"] += texts
        self.received.append(received)


COUNTS = Counts()
"""That of clients which nobody asks how much they were sent."""


def join(hub: Hub, codec: Codec) -> Client:
    """Return a new client of the hub with an outbox."""
    return hub.join(codec, Outbox(), COUNTS)


def sent(hub: Hub, client: Client, microseconds: int) -> list[Any]:
    """Let the hub send what may go; return what the client has got since the last time."""
    hub.flush(at(microseconds))
    return [json.loads(text) for text in read(client)]


def read(client: Client) -> list[str]:
    """Return the texts that a client has got since the last time."""
    assert isinstance(client.outlet, Outbox)
    return client.outlet.read()


def texts(frames: bytes) -> list[str]:
    """Return the texts of whole WebSocket frames as a server sends them."""
    found = []
    while frames:
        assert frames[0] == 0x81
        size, head = frames[1], 2
        if size == 126:
            size, head = int.from_bytes(frames[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(frames[2:10], "big"), 10
        found.append(frames[head : head + size].decode())
        frames = frames[head + size :]
    return found

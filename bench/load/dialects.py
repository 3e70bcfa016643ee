"""What a server wants to hear of its clients, and how they know what it says.

One ``Dialect`` is one way to talk: the path, what is said first, what shows that all is set up, and
where a frame says when it was sent. Pure; it crosses to the load processes as JSON.
"""

import calendar
import json
import re
from collections.abc import Sequence

import msgspec


class Dialect(msgspec.Struct, frozen=True):
    """How clients talk to one kind of server."""

    path: str = "/"
    live: str = ""
    """A text in the frame after which a client counts as live; "": the accepted upgrade is it."""
    says: tuple[str, ...] = ()
    """Texts that every client sends once it is connected."""
    answers: dict[str, str] = {}
    """Texts of at most 3 characters that are answered, and how: another protocol's heartbeats."""
    stamp: str = ""
    """What stands before the time of sending in a frame: µs UTC, or ISO-8601 in quotes."""


PLAIN = Dialect(stamp='"sent":')
"""A server that sends all it has to everybody who has connected."""
NCHAN = msgspec.structs.replace(PLAIN, path="/room")
SOCKETIO = Dialect(
    path="/socket.io/?EIO=4&transport=websocket",
    live="40{",
    says=("40",),
    answers={"2": "3"},
    stamp='"sent":',
)
"""Engine.IO 4 and Socket.IO 5: "40" joins the main room, "2" is a ping and "3" its pong."""
SENT_AT = '"volume_24h":'
"""The field of a made ticker in which its source writes when it was published, µs UTC."""
FLUSHED_AT = '"timestamp":"'
"""The field of tickwire's frames that says when they were made, cut to the ms."""
_ISO = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z")


def subscription(
    symbols: Sequence[str] | str,
    *,
    channel: str = "ticker",
    rate_ms: int = 100,
    resume: dict[str, tuple[int, int]] | None = None,
) -> str:
    """Return what a client of tickwire says to be sent a channel of some symbols."""
    payload: dict[str, object] = {"symbols": symbols, "channel": channel}
    if channel != "trade":
        payload["rate_ms"] = rate_ms
    if resume is not None:
        payload["resume"] = resume
    return json.dumps({"type": "subscribe", "payload": payload}, separators=(",", ":"))


def tickwire(stamp: str = SENT_AT, path: str = "/ws") -> Dialect:
    """Return tickwire's; what a client subscribes to is said for each client."""
    return Dialect(path=path, live='"type":"subscribed"', stamp=stamp)


def sent_at(buffer: bytes | bytearray, marker: bytes, begin: int, end: int) -> int | None:
    """Return the time of sending that stands after ``marker``, µs UTC; None when there is none."""
    at = buffer.find(marker, begin, end)
    if at < 0:
        return None
    at += len(marker)
    stop = at
    while stop < end and 48 <= buffer[stop] <= 57:
        stop += 1
    if stop - at >= 15:
        return int(buffer[at:stop])
    found = _ISO.match(buffer, at, end)
    if found is None:
        return None
    *whole, fraction = found.groups(b"0")
    seconds = calendar.timegm(tuple(int(part) for part in whole))
    return seconds * 1_000_000 + int(fraction.ljust(6, b"0"))

"""Who is connected to the tap, and how much each may ask for.

Comes in: connections that come and go, by number, and the frames that they send. Goes out: the
subscriptions that begin and end, each exactly once whatever was sent, as the frames of an XPUB; or
``Cut``: that connection has passed a limit and is to be ended. What is remembered is bounded by the
limits below. Nobody's frames change what another one has asked for.

A number is given to another connection as soon as its first one has gone, whose last frames may
still wait. So who has just come is not cut for what comes under its number until all that waited
has been read (``settle``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CONNECTIONS_MAX = 128
"""Beyond it the oldest connection that has asked for nothing makes room, else the newcomer."""
SUBSCRIPTIONS_MAX = 500
"""Of one connection at a time; the next one cuts it."""
TOPIC_BYTES_MAX = 96
"""Longer than any topic there is; a longer one cuts the connection."""

SUBSCRIBE, UNSUBSCRIBE = b"\x01", b"\x00"


class Cut(NamedTuple):
    """The connection is to be ended."""

    reason: str


@dataclass
class _Guest:
    topics: set[bytes] = field(default_factory=set)
    settled: bool = False
    cut: bool = False


class Guests:
    """The connections of the moment."""

    def __init__(self) -> None:
        self._guests: dict[int, _Guest] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def came(self, number: int) -> int | None:
        """Take note of a connection; return the number of the one that is to be cut for it."""
        assert number not in self._guests, "who had this number has not gone"
        self._guests[number] = _Guest()
        here = [one for one, guest in self._guests.items() if not guest.cut]
        if len(here) <= CONNECTIONS_MAX:
            return None
        leaving = next(one for one in here if not self._guests[one].topics)
        self._guests[leaving].cut = True
        return leaving

    def went(self, number: int) -> Sequence[bytes]:
        """Forget a connection; return the ends of its subscriptions."""
        guest = self._guests.pop(number, None)
        return () if guest is None else [UNSUBSCRIBE + topic for topic in guest.topics]

    def settle(self) -> None:
        """Nothing waits any more that was sent before now."""
        for guest in self._guests.values():
            guest.settled = True

    def asked(self, number: int, frames: list[bytes]) -> Sequence[bytes] | Cut:
        """Return what one message of a connection begins or ends."""
        guest = self._guests.get(number)
        if guest is None or guest.cut:
            return ()  # the last words of one that has gone
        reason = _too_much(guest, frames)
        if reason:
            guest.cut = guest.settled
            return Cut(reason) if guest.settled else ()
        kind, topic = frames[0][:1], frames[0][1:]
        if (topic in guest.topics) is (kind == SUBSCRIBE):
            if kind == SUBSCRIBE and not guest.settled:
                return (UNSUBSCRIBE + topic, frames[0])  # the first one may have been another's
            return ()  # it has that, or never had it
        guest.topics ^= {topic}
        return (frames[0],)


def _too_much(guest: _Guest, frames: list[bytes]) -> str:
    if len(frames) != 1 or frames[0][:1] not in (SUBSCRIBE, UNSUBSCRIBE):
        return "what it sends is no subscription"
    if len(frames[0]) > 1 + TOPIC_BYTES_MAX:
        return f"a topic of more than {TOPIC_BYTES_MAX} bytes"
    full = len(guest.topics) >= SUBSCRIPTIONS_MAX
    if full and frames[0][:1] == SUBSCRIBE and frames[0][1:] not in guest.topics:
        return f"more than {SUBSCRIPTIONS_MAX} subscriptions"
    return ""

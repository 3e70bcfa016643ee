"""Who is connected to the tap, and how much each may ask for.

Comes in: connections that come and go, by number, and the frames that they send. Goes out: the
subscriptions that begin and end, each exactly once whatever was sent, as the frames of an XPUB; or
``Cut``: that connection has passed a limit and is to be ended. What is remembered is bounded by the
limits below. Nobody's frames change what another one has asked for.
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
FRAMES_PER_S_MAX = 1_000
"""Of one connection; the next one within that second cuts it."""
SECOND_US = 1_000_000

SUBSCRIBE, UNSUBSCRIBE = b"\x01", b"\x00"


class Cut(NamedTuple):
    """The connection is to be ended."""

    reason: str


@dataclass
class _Guest:
    topics: set[bytes] = field(default_factory=set)
    second_began: int = 0
    frames: int = 0
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

    def asked(self, number: int, frames: list[bytes], mono: int) -> Sequence[bytes] | Cut:
        """Return what one message of a connection begins or ends, at ``mono`` (µs)."""
        guest = self._guests.get(number)
        if guest is None or guest.cut:
            return ()  # the last words of one that has gone
        reason = self._too_much(guest, frames, mono)
        if reason:
            guest.cut = True
            return Cut(reason)
        kind, topic = frames[0][:1], frames[0][1:]
        if (topic in guest.topics) is (kind == SUBSCRIBE):
            return ()  # it has that, or never had it
        guest.topics ^= {topic}
        return (frames[0],)

    def _too_much(self, guest: _Guest, frames: list[bytes], mono: int) -> str:
        if mono - guest.second_began >= SECOND_US:
            guest.second_began, guest.frames = mono, 0
        guest.frames += 1
        if guest.frames > FRAMES_PER_S_MAX:
            return f"more than {FRAMES_PER_S_MAX} messages in a second"
        if len(frames) != 1 or frames[0][:1] not in (SUBSCRIBE, UNSUBSCRIBE):
            return "what it sends is no subscription"
        if len(frames[0]) > 1 + TOPIC_BYTES_MAX:
            return f"a topic of more than {TOPIC_BYTES_MAX} bytes"
        full = len(guest.topics) >= SUBSCRIPTIONS_MAX
        if full and frames[0][:1] == SUBSCRIBE and frames[0][1:] not in guest.topics:
            return f"more than {SUBSCRIPTIONS_MAX} subscriptions"
        return ""

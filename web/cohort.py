"""Clients that are sent the very same: one subscription set, one codec, the same bytes.

In come updates by topic; out go, for each cohort, the bytes that its members lack. What a client
has is one number per channel, the ``serial`` of the newest update that it was sent: whoever is
behind is given what is newer than that, so nothing waits for it in memory and newer values replace
older ones. Pure: time is an argument, nothing is sent from here.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol, get_args

from bus.actor import Instant
from bus.messages import TradeBatch
from web.lanes import Lane, Topic
from web.update import Channel, Update, WatchKey

TAKE_BYTES = 64 << 10
"""What a client's backlog is written in."""
BACKLOG_BYTES = 16 << 20
"""What may wait for one client; its connection is closed once it has passed that."""

_ORDER = {name: at for at, name in enumerate(get_args(Channel))}
"""Of what goes at once a state goes before the values that it is about."""

Wishes = tuple[tuple[Channel, int, frozenset[WatchKey]], ...]
"""What a client watches: of each channel its rate in µs (0: trades have none) and the keys."""


class Codec(Protocol):
    """How updates become the bytes that a connection is written."""

    @property
    def kind(self) -> Hashable:
        """Of two clients whose codecs are of one kind, one may be sent the other's bytes."""

    @property
    def plain(self) -> "Codec":
        """One that compresses nothing, for the same clients; it, where it does not either."""

    @property
    def without_flags(self) -> Collection[Channel]:
        """The channels whose frames do not tell ``Update.flag``: its change alone is no news."""

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return the frames of updates of one channel, in order."""

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Return the frame of one trade."""

    def say(self, text: str) -> bytes:
        """Return the frame of a text."""


class Outlet(Protocol):
    """What a client's bytes go into."""

    owner: "Client"
    drained: "Callable[[Any], None] | None"
    """Called with the outlet itself once it has room again."""
    filled: "Callable[[Any], None] | None"
    """Called with the outlet itself once it has none."""

    @property
    def audience(self) -> "Callable[[], Audience]":
        """Makes an audience of outlets like this one."""

    def write(self, frames: bytes) -> bool:
        """Send whole frames; False, and nothing of them is sent, while earlier bytes wait."""

    def evict(self, code: int, reason: str) -> None:
        """Close the connection with a WebSocket close code, whatever waits."""


class Audience(Protocol):
    """Outlets of one kind that are written the same."""

    def add(self, outlet: Any) -> None:
        """Add one."""

    def discard(self, outlet: Any) -> None:
        """Remove one."""

    def broadcast(self, frames: bytes) -> Sequence[Any]:
        """Write whole frames to all; return who took nothing, as earlier bytes wait."""


class OneByOne:
    """An audience of which each is written to by its own ``write``."""

    __slots__ = ("_outlets",)

    def __init__(self) -> None:
        self._outlets: dict[Outlet, None] = {}

    def add(self, outlet: Outlet) -> None:
        """Add one."""
        self._outlets[outlet] = None

    def discard(self, outlet: Outlet) -> None:
        """Remove one."""
        del self._outlets[outlet]

    def broadcast(self, frames: bytes) -> list[Outlet]:
        """Write whole frames to all; return who took nothing, as earlier bytes wait."""
        return [outlet for outlet in self._outlets if not outlet.write(frames)]


class Traffic(Protocol):
    """Counts the connections of one kind and what they were sent."""

    def opened(self) -> None:
        """Count a connection that begins."""

    def closed(self) -> None:
        """Count a connection that has ended."""

    def wrote(self, texts: int, received: int | None) -> None:
        """Count so many texts; ``received``: when the feed got the trade that is news in them."""


class Client:
    """One connection as the hub knows it.

    Args:
        codec: how its updates become bytes.
        outlet: where they go.
        traffic: counts them.
        ready: where it notes itself once something waits for it.
    """

    __slots__ = (
        "_ready",
        "backlog",
        "blocked_since",
        "codec",
        "cohort",
        "outlet",
        "overflowed",
        "queue",
        "seen",
        "traffic",
    )

    def __init__(
        self, codec: Codec, outlet: Outlet, traffic: Traffic, ready: "dict[Client, None]"
    ) -> None:
        self.codec = codec
        self.outlet = outlet
        self.traffic = traffic
        self.cohort: Cohort | None = None
        self.queue: list[bytes] = []
        """Frames that go before any update, in order."""
        self.backlog = 0
        """Bytes in the queue."""
        self.seen: dict[Channel, int] | None = None
        """What it was sent where that is not what its cohort was; None: it has what others have."""
        self.blocked_since: int | None = None
        """Since when its outlet takes nothing, µs of the forward clock."""
        self.overflowed = False
        self._ready = ready

    @property
    def watches(self) -> set[WatchKey]:
        """What it is sent."""
        if self.cohort is None:
            return set()
        return {key for _, _, keys in self.cohort.wishes for key in keys}

    def put(self, text: str) -> None:
        """Let a text wait, in order, to be sent before any update."""
        self.put_frames(self.codec.say(text))

    def put_frames(self, frames: bytes) -> None:
        """Let frames wait, in order, to be sent before any update."""
        if self.backlog + len(frames) > BACKLOG_BYTES:
            self.overflowed = True
        else:
            self.queue.append(frames)
            self.backlog += len(frames)
        if self.blocked_since is None:
            self._ready[self] = None

    def write_queue(self) -> bool:
        """Write what waits, in pieces; False when the outlet has not taken all of it."""
        while self.queue:
            size = count = 0
            while count < len(self.queue) and size < TAKE_BYTES:
                size += len(self.queue[count])
                count += 1
            if not self.outlet.write(b"".join(self.queue[:count])):
                return False
            del self.queue[:count]
            self.backlog -= size
            self.traffic.wrote(count, None)
        return True


class Cohort:
    """The clients of one subscription set.

    Args:
        client: any of them.
        wishes: what they watch.
        topics: of every key that is watched.
        serial: of the newest update there is: what comes later is sent.
    """

    __slots__ = (
        "_waiting",
        "audience",
        "codec",
        "lanes",
        "late",
        "members",
        "queued",
        "trades",
        "traffic",
        "wishes",
    )

    def __init__(
        self,
        client: Client,
        wishes: Wishes,
        topics: Mapping[WatchKey, Topic],
        serial: int,
    ) -> None:
        self.codec = client.codec
        self.traffic = client.traffic
        self.wishes = wishes
        self.lanes = [
            Lane(self, channel, rate_us, [topics[key] for key in sorted(keys)], serial)
            for channel, rate_us, keys in wishes
            if channel != "trade"
        ]
        self.members: dict[Client, None] = {}
        """Those that have been sent all that the lanes have."""
        self.late: dict[Client, None] = {}
        """Those that are ahead or behind, each by its own ``seen``."""
        self.trades: list[bytes] = []
        """Frames of trades to be sent by the next flush."""
        self._waiting = 0
        """Bytes in them."""
        self.queued = False
        """Whether it waits for its turn."""
        self.audience = client.outlet.audience()
        """The members' outlets."""

    def __len__(self) -> int:
        return len(self.members) + len(self.late)

    def enter(self, client: Client, seen: dict[Channel, int]) -> None:
        """Add a client that has been sent that much of each channel, and all trades until now."""
        self.hand_over()
        client.cohort = self
        client.seen = seen
        self.late[client] = None

    def put_trade(self, frame: bytes) -> None:
        """Let the frame of a trade wait; when too many do, too much waits for each client."""
        self.trades.append(frame)
        self._waiting += len(frame)
        if self._waiting > BACKLOG_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Let the trades that wait go to each client by itself, before all that is put for it."""
        while self.trades:
            frames = b"".join(self.take_trades())
            for each in (*self.members, *self.late):
                each.put_frames(frames)

    def take_trades(self) -> list[bytes]:
        """Return and forget the first frames of trades, about ``TAKE_BYTES`` of them."""
        count, size = 0, 0
        while count < len(self.trades) and size < TAKE_BYTES:
            size += len(self.trades[count])
            count += 1
        taken = self.trades[:count]
        del self.trades[:count]
        self._waiting -= size
        return taken

    def fall_behind(self, client: Client, seen: dict[Channel, int]) -> None:
        """A member has not been sent the last flush."""
        self._remove(client)
        client.seen = seen
        self.late[client] = None

    def leave(self, client: Client) -> dict[Channel, int]:
        """Remove a client; return how much of each channel it was sent."""
        seen = client.seen
        if seen is None:
            self._remove(client)
            seen = self.seen()
        else:
            del self.late[client]
        client.cohort = client.seen = None
        return seen

    def seen(self) -> dict[Channel, int]:
        """Return how much of each channel the members have been sent."""
        return {lane.channel: lane.seen for lane in self.lanes}

    def catch_up(self, client: Client) -> None:
        """Make a late client a member, if it has been sent just what members have."""
        seen = client.seen
        if seen is None or client.queue:
            return
        for lane in self.lanes:
            mine = seen[lane.channel]
            # One that is ahead is sent nothing twice by a lane for which nothing waits.
            if mine < lane.seen or (mine > lane.seen and not lane.idle):
                return
        del self.late[client]
        client.seen = None
        self.members[client] = None
        self.audience.add(client.outlet)

    def _remove(self, client: Client) -> None:
        del self.members[client]
        self.audience.discard(client.outlet)

    def hurry(self, client: Client, channels: set[Channel], serial: int, now: Instant) -> None:
        """Let what waits for a client on some channels go now, so that a snapshot can follow it.

        What is for one client alone is not compressed, here and where one is late.

        Args:
            client: one of this cohort.
            channels: which.
            serial: of the newest update there is.
            now: when.
        """
        if client.seen is None:
            self.fall_behind(client, self.seen())
        assert client.seen is not None
        for lane in self.lanes:
            if lane.channel in channels:
                updates = lane.since(client.seen[lane.channel])
                for frame in encoded(self.codec.plain, updates, now)[0]:
                    client.put_frames(frame)
                client.seen[lane.channel] = serial

    def write_lacking(self, client: Client, serial: int, now: Instant) -> bool:
        """Write what members were sent before a late client; False when its outlet did not take it.

        Args:
            client: whose ``seen`` is not None.
            serial: of the newest update there is.
            now: when.
        """
        seen = client.seen
        assert seen is not None
        frames: list[bytes] = []
        received = None
        behind = [lane for lane in self.lanes if seen[lane.channel] < lane.seen]
        for lane in behind:
            found, when = encoded(self.codec.plain, lane.since(seen[lane.channel]), now)
            frames += found
            received = received or when
        if frames:
            if not client.outlet.write(b"".join(frames)):
                return False
            client.traffic.wrote(len(frames), received)
        for lane in behind:
            seen[lane.channel] = serial
        return True


def encoded(codec: Codec, updates: list[Update], now: Instant) -> tuple[list[bytes], int | None]:
    """Return the frames of updates of one channel, and when the news of the first was received."""
    if not updates:
        return [], None
    return codec.updates(updates, now), updates[0].received


def wishes_of(wanted: Mapping[Channel, tuple[int, Iterable[WatchKey]]]) -> Wishes:
    """Return wishes in the order that makes equal ones equal; channels without keys are none."""
    found = [(channel, rate, frozenset(keys)) for channel, (rate, keys) in wanted.items()]
    return tuple(sorted((one for one in found if one[2]), key=lambda one: _ORDER[one[0]]))

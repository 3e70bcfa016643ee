"""The tap's public socket on the side where strangers write: it reads, counts and cuts.

Comes in: the XPUB's messages with the descriptor of their connection, and connections that come and
go. Goes out: subscriptions, to the actor. It must never pass on what ``guests`` has not allowed,
never let one connection's junk reach what another one is given, and never wait.
"""

from collections.abc import Callable, Iterable

import zmq

from bus.actor import PER_WAKE, Instant, Send, Sends
from bus.process import Process
from bus.sockets import Socket
from procs.tap.connections import Connections
from procs.tap.guests import Cut, Guests

HANDSHAKE_MS = 5_000
"""A connection that has not shaken hands by then is ended."""
WAITING_MAX = 50
"""Messages of one connection that may wait to be read; who sends more waits."""
WAITING_BYTES_MAX = 16 << 10
"""Bytes of one connection that may wait in the kernel, which doubles it."""
SAY_EVERY_US = 60_000_000
"""So rarely is it said that somebody was cut: a stranger may not fill the log."""


class Door:
    r"""A reader of ``bus.actor``. ``prepare`` has to see the socket before it is bound.

    Args:
        context: ZeroMQ's.
        process: whose health counts, and whose log tells.
        port: where the socket is going to listen.
        take: the actor's method that takes ``\x01`` or ``\x00`` and a topic.
    """

    def __init__(
        self,
        context: zmq.Context[Socket],
        process: Process,
        port: int,
        take: Callable[[bytes, Instant], Sends],
    ) -> None:
        self._context = context
        self._port = port
        self._log = process.log
        self._counters = process.health.counters
        self._take = take
        self._guests = Guests()
        self._flooded = 0
        self._said_at: int | None = None
        self._poller = zmq.Poller()
        self._tap: Socket
        self._connections: Connections

    def prepare(self, tap: Socket) -> None:
        """Set the limits of a socket that is not bound yet, and begin to follow its connections."""
        tap.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        tap.setsockopt(zmq.RCVHWM, WAITING_MAX)
        tap.setsockopt(zmq.RCVBUF, WAITING_BYTES_MAX)
        self._tap = tap
        self._poller.register(tap, zmq.POLLIN)
        self._connections = Connections(self._context, tap, self._port)

    def fileno(self) -> int:
        """Return ZeroMQ's descriptor, which tells of changes only: ``pending`` knows."""
        return int(self._tap.getsockopt(zmq.FD))

    def pending(self) -> bool:
        """True when there is something to read."""
        return self._connections.changed() or bool(self._poller.poll(0))

    def on_readable(self, now: Instant) -> Sends:
        """Read up to ``PER_WAKE`` messages, then who came and went: so a sender is known.

        libzmq tells of a connection before it hands over its first message.
        """
        messages: list[tuple[int, list[bytes]]] = []
        for _ in range(PER_WAKE):
            try:
                parts = self._tap.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                self._guests.settle()
                break
            try:
                number = int(parts[0].get(zmq.SRCFD))
            except zmq.ZMQError:
                continue  # libzmq's own word for a connection that has ended, which we know
            messages.append((number, [part.bytes for part in parts]))
        out: list[Send] = []
        self._follow(out, now)
        for number, frames in messages:
            answer = self._guests.asked(number, frames)
            if isinstance(answer, Cut):
                self._connections.cut(number)
                self._tell(answer.reason, 1, now)
            else:
                self._hand_over(answer, out, now)
        return out

    def _follow(self, out: list[Send], now: Instant) -> None:
        """Take note of connections that came and went."""
        for came, number in self._connections.take():
            if not came:
                self._hand_over(self._guests.went(number), out, now)
                continue
            leaving = self._guests.came(number)
            if leaving is not None:
                self._connections.cut(leaving)
                self._tell("too many connections", 1, now)
        flooded, self._flooded = self._flooded, self._connections.flooded
        if self._flooded > flooded:
            self._tell("it sent too much", self._flooded - flooded, now)

    def _hand_over(self, frames: Iterable[bytes], out: list[Send], now: Instant) -> None:
        for frame in frames:
            out += self._take(frame, now)

    def _tell(self, reason: str, count: int, now: Instant) -> None:
        self._counters["cut"] += count
        if self._said_at is None or now.mono - self._said_at >= SAY_EVERY_US:
            self._said_at = now.mono
            self._log.warning("tap.cut", reason=reason, so_far=self._counters["cut"])

    def close(self) -> None:
        """Follow nobody any more; the socket itself is the loop's to close."""
        self._connections.close()

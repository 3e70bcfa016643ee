"""The tap's public socket on the side where strangers write: it reads, counts and cuts.

Comes in: the XPUB's messages with the descriptor of their connection, and libzmq's own events of
connections that come and go. Goes out: subscriptions, to the actor. It must never pass on what
``guests`` has not allowed, never let one connection's junk reach what another one is given, and
never wait.
"""

import socket
import struct
from collections.abc import Callable, Iterable

import zmq

from bus.actor import PER_WAKE, Instant, Send, Sends
from bus.process import Process
from bus.sockets import Socket
from procs.tap.guests import Cut, Guests

HANDSHAKE_MS = 5_000
"""A connection that has not shaken hands by then is ended."""
WAITING_MAX = 500
"""Messages of one connection that may wait to be read."""
SAY_EVERY_US = 60_000_000
"""So rarely is it said that somebody was cut: a stranger may not fill the log."""
_EVENTS = "inproc://tap-connections"


class Door:
    r"""A reader of ``bus.actor``. ``prepare`` has to see the socket before it is bound.

    Args:
        context: ZeroMQ's.
        process: whose health counts, and whose log tells.
        take: the actor's method that takes ``\x01`` or ``\x00`` and a topic.
    """

    def __init__(
        self,
        context: zmq.Context[Socket],
        process: Process,
        take: Callable[[bytes, Instant], Sends],
    ) -> None:
        self._context = context
        self._log = process.log
        self._counters = process.health.counters
        self._take = take
        self._guests = Guests()
        self._said_at: int | None = None
        self._tap: Socket
        self._events: Socket

    def prepare(self, tap: Socket) -> None:
        """Set the limits of a socket that is not bound yet, and begin to follow its connections."""
        tap.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        tap.setsockopt(zmq.RCVHWM, WAITING_MAX)
        tap.monitor(_EVENTS, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._tap = tap
        self._events = self._context.socket(zmq.PAIR)
        self._events.setsockopt(zmq.RCVHWM, 0)  # a full monitor would stop libzmq's own thread
        self._events.setsockopt(zmq.LINGER, 0)
        self._events.connect(_EVENTS)

    def fileno(self) -> int:
        """Return ZeroMQ's descriptor, which tells of changes only: ``pending`` knows."""
        return int(self._tap.getsockopt(zmq.FD))

    def pending(self) -> bool:
        """True when there is something to read."""
        return any(
            int(one.getsockopt(zmq.EVENTS)) & zmq.POLLIN for one in (self._tap, self._events)
        )

    def on_readable(self, now: Instant) -> Sends:
        """Read up to ``PER_WAKE`` messages, then all events: so who sent one is known to be here.

        A connection's first event is written before its first message is.
        """
        messages: list[tuple[int, list[bytes]]] = []
        for _ in range(PER_WAKE):
            try:
                parts = self._tap.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            try:
                number = int(parts[0].get(zmq.SRCFD))
            except zmq.ZMQError:
                continue  # libzmq's own word for a connection that has ended; the event says so too
            messages.append((number, [part.bytes for part in parts]))
        out: list[Send] = []
        self._follow(out, now)
        for number, frames in messages:
            answer = self._guests.asked(number, frames, now.mono)
            if isinstance(answer, Cut):
                self._cut(number, answer.reason, now)
            else:
                self._hand_over(answer, out, now)
        return out

    def _follow(self, out: list[Send], now: Instant) -> None:
        """Take the events of connections that came and went."""
        while True:
            try:
                event, value = struct.unpack("=HI", self._events.recv_multipart(zmq.DONTWAIT)[0])
            except zmq.Again:
                return
            self._hand_over(self._guests.went(value), out, now)
            if event == zmq.EVENT_ACCEPTED:
                leaving = self._guests.came(value)
                if leaving is not None:
                    self._cut(leaving, "too many connections", now)

    def _hand_over(self, frames: Iterable[bytes], out: list[Send], now: Instant) -> None:
        for frame in frames:
            out += self._take(frame, now)

    def _cut(self, number: int, reason: str, now: Instant) -> None:
        """End a connection by its descriptor: ZeroMQ has no word for it.

        libzmq still owns the descriptor; it sees the end of the stream and clears up. Should the
        connection have gone at this very moment, the descriptor may be another one's: whose port is
        not ours is left alone.
        """
        self._counters["cut"] += 1
        if self._said_at is None or now.mono - self._said_at >= SAY_EVERY_US:
            self._said_at = now.mono
            self._log.warning("tap.cut", reason=reason, so_far=self._counters["cut"])
        try:
            with socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as connection:
                own = connection.getsockname()
                if isinstance(own, tuple) and own[1] == self._port():
                    connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has just ended by itself

    def _port(self) -> int:
        return int(self._tap.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def close(self) -> None:
        """Stop listening to events; the socket itself is the loop's to close."""
        self._events.close()

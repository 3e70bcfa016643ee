"""The tap's connections as the kernel and libzmq know them, and a thread that bounds their bytes.

Comes in: libzmq's events of a socket that is not bound yet. Goes out: who came and who went, by
descriptor; and the end of whoever sends more than ``ALLOWED_BYTES`` at once and ``ALLOWED_BYTES_S``
from then on. libzmq reads subscriptions as long as any come and does not return meanwhile: one
connection that never stops would hold up the loop and fill the memory. So this counts in a thread
of its own, what the kernel says has been received, and libzmq may be called only where it lets
other threads run (``recv``, ``send``, ``poll``; never ``getsockopt`` of EVENTS). While nobody is
connected the thread sleeps.
"""

import os
import select
import socket
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import zmq

from bus.sockets import Socket

ALLOWED_BYTES = 128 << 10
"""More than all subscriptions of one connection, encrypted."""
ALLOWED_BYTES_S = 2 << 10
"""Several times what heartbeats are."""
LOOK_EVERY_S = 0.01
"""While anybody is connected. What libzmq reads in that time is what a flood exceeds the limits by,
and each subscription takes several times its bytes."""
_EVENTS = "inproc://tap-connections"
_BYTES_RECEIVED_AT = 128
"""Where ``struct tcp_info`` of Linux has ``tcpi_bytes_received``; elsewhere nothing is counted."""


class Change(NamedTuple):
    """A connection came, or went."""

    came: bool
    number: int


@dataclass
class _Connection:
    own: socket.socket
    """A second descriptor: the first one is libzmq's, and its number is soon another one's."""
    looked_at: float
    allowed: float = ALLOWED_BYTES
    received: int = 0


class Connections:
    """The connections of one socket, from before it is bound until ``close``."""

    def __init__(self, context: zmq.Context[Socket], tap: Socket, port: int) -> None:
        self.flooded = 0
        """How many connections were ended because they sent too much."""
        self._port = port
        self._lock = threading.Lock()
        self._changes: deque[Change] = deque()
        self._connections: dict[int, _Connection] = {}
        tap.monitor(_EVENTS, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._events = context.socket(zmq.PAIR)
        self._events.setsockopt(zmq.RCVHWM, 0)  # a full one would stop libzmq's own thread
        self._events.setsockopt(zmq.LINGER, 0)
        self._events.connect(_EVENTS)
        self._stopping = False
        self._woken, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._watch, name="tap-connections", daemon=True)
        self._thread.start()

    def changed(self) -> bool:
        """True when there is something to take."""
        return bool(self._changes)

    def take(self) -> list[Change]:
        """Return who came and went since the last call, up to this very moment."""
        with self._lock:
            slept = not self._connections
            self._follow()
            found = list(self._changes)
            self._changes.clear()
            if slept and self._connections:
                self._wake.send(b"x")  # the event that would have woken the thread has been taken
        return found

    def cut(self, number: int) -> None:
        """End a connection; libzmq sees its end and clears up."""
        with self._lock:
            found = self._connections.get(number)
            if found is not None:
                self._end(found)

    def close(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.send(b"x")
        self._thread.join()
        for made in (self._events, self._wake, self._woken):
            made.close()
        for found in self._connections.values():
            found.own.close()

    def _watch(self) -> None:
        asleep, awake = select.poll(), select.poll()
        asleep.register(int(self._events.getsockopt(zmq.FD)), select.POLLIN)
        for poll in (asleep, awake):
            poll.register(self._woken, select.POLLIN)
        while not self._stopping:
            with self._lock:
                self._follow()  # to the last one: only then does libzmq tell of the next
                now = time.monotonic()
                for found in self._connections.values():
                    self._look(found, now)
            ready = awake.poll(LOOK_EVERY_S * 1000) if self._connections else asleep.poll()
            if any(number == self._woken.fileno() for number, _ in ready):
                self._woken.recv(64)

    def _follow(self) -> None:
        while True:
            try:
                parts = self._events.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            event, number = struct.unpack("=HI", parts[0])
            before = self._connections.pop(number, None)
            if before is not None:
                before.own.close()
                self._changes.append(Change(False, number))
            if event == zmq.EVENT_ACCEPTED:
                own = self._second(number)
                if own is not None:
                    self._connections[number] = _Connection(own, time.monotonic())
                    self._changes.append(Change(True, number))

    def _second(self, number: int) -> socket.socket | None:
        """Return a descriptor of our own; None when that connection is gone already."""
        try:
            descriptor = os.dup(number)
        except OSError:
            return None
        try:
            own = socket.socket(fileno=descriptor)
        except OSError:  # no socket: the number is another file's by now
            os.close(descriptor)
            return None
        address = own.getsockname()
        if isinstance(address, tuple) and address[1] == self._port:
            return own
        own.close()
        return None

    def _look(self, found: _Connection, now: float) -> None:
        received = _received(found.own)
        earned = (now - found.looked_at) * ALLOWED_BYTES_S
        found.allowed = min(ALLOWED_BYTES, found.allowed + earned) - (received - found.received)
        found.looked_at, found.received = now, received
        if found.allowed < 0:
            self.flooded += 1
            found.allowed = float("inf")  # it is being ended: once is enough
            self._end(found)

    def _end(self, found: _Connection) -> None:
        try:
            found.own.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has just ended by itself


def _received(own: socket.socket) -> int:
    """Return how many bytes the kernel has taken from the other side."""
    if sys.platform != "linux":
        return 0
    info = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < _BYTES_RECEIVED_AT + 8:
        return 0
    return int(struct.unpack_from("=Q", info, _BYTES_RECEIVED_AT)[0])

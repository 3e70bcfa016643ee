"""The one life cycle, over a ZeroMQ poller.

For processes whose peers are ZeroMQ, Postgres and plain sockets.

An actor is pure: each of its methods takes what came in and *returns* what to send; only the loop
sends. Within one wake the loop reads at most ``PER_WAKE`` messages of each input, then calls
``on_wake`` once: that is where an actor commits. SIGTERM or SIGINT ends the loop after
``on_drain``; it arrives over a wake-up descriptor, because pyzmq goes on polling after EINTR.
"""

import math
import signal
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple, Protocol

import zmq

from bus import topics
from bus.heartbeat import BEAT_S
from bus.messages import encode
from bus.process import Process
from bus.sockets import Socket, Subscriber

PER_WAKE = 256
TICK_S = 0.1


class Instant(NamedTuple):
    """One moment on two clocks."""

    wall: int
    """µs UTC. May jump."""
    mono: int
    """µs of a clock that only goes forward. For time-outs."""


def instant() -> Instant:
    """Return this moment."""
    return Instant(time.time_ns() // 1000, time.monotonic_ns() // 1000)


class Send(NamedTuple):
    """Something to send: on which output, under which topic (``b""`` on PUSH), what."""

    output: str
    topic: bytes
    payload: bytes


Sends = Iterable[Send]


class Reader(Protocol):
    """A descriptor that is not ZeroMQ's, such as an exchange's socket."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def pending(self) -> bool:
        """True when there is something to read although the descriptor may not say so (TLS)."""

    def on_readable(self, now: Instant) -> Sends:
        """Read once."""


class Actor(Protocol):
    """What a process is. Every method returns what to send."""

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sends:
        """Take one message from the input named ``source``."""

    def on_wake(self, now: Instant) -> Sends:
        """Everything that was waiting has been handed over: commit."""

    def on_tick(self, now: Instant) -> Sends:
        """Called every ``TICK_S``, however busy the inputs are."""

    def on_drain(self, now: Instant) -> Sends:
        """The process is about to end: finish what was begun."""

    def readers(self) -> Sequence[Reader]:
        """Return the descriptors to watch beside the inputs, at the moment."""

    def busy(self) -> bool:
        """Return True when there is work to go on with although nothing comes in."""


class Idle:
    """An actor that does nothing; and what an actor need not say, it inherits from here."""

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """There are no inputs."""
        return ()

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Nothing came in."""
        return ()

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Time passes."""
        return ()

    def on_drain(self, now: Instant) -> Sequence[Send]:
        """Nothing was begun."""
        return ()

    def readers(self) -> Sequence[Reader]:
        """There are no sockets."""
        return ()

    def busy(self) -> bool:
        """Nothing is unfinished."""
        return False


class StopSignal:
    """SIGTERM and SIGINT as a readable descriptor. Signals after the first change nothing."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self.stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: object) -> None:
        self.stopped = True

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._read.fileno()

    def clear(self) -> None:
        """Empty the descriptor."""
        try:
            self._read.recv(4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Let go of the descriptor. A signal still ends nothing abruptly from here on."""
        signal.set_wakeup_fd(-1)
        self._read.close()
        self._write.close()


class Outputs:
    """The sockets that a loop sends on. PUB drops and PUSH may be full: nothing here ever waits."""

    def __init__(self, process: Process, sockets: Mapping[str, Socket]) -> None:
        self._sockets = sockets
        self._health = process.health
        self._program = process.program

    def send(self, sends: Sends) -> None:
        """Send each; what a full PUSH does not take is counted as ``unsent.<output>``."""
        for output, topic, payload in sends:
            try:
                if topic:
                    self._sockets[output].send_multipart((topic, payload), zmq.DONTWAIT)
                else:
                    self._sockets[output].send(payload, zmq.DONTWAIT)
            except zmq.Again:
                self._health.counters["unsent." + output] += 1

    def beat(self, now: Instant) -> None:
        """Publish the heartbeat on ``out``."""
        if "out" in self._sockets:
            topic = topics.heartbeat(self._program)
            self._sockets["out"].send_multipart(
                (topic, encode(self._health.beat(now.wall))), zmq.DONTWAIT
            )


def run(
    process: Process,
    actor: Actor,
    inputs: Mapping[str, Socket | Subscriber],
    outputs: Mapping[str, Socket],
) -> int:
    """Run ``actor`` until SIGTERM, SIGINT or the parent's death; return the exit code 0.

    ``inputs`` are read, ``outputs`` are sent on; a socket that is both (XPUB) stands in both. The
    first heartbeat goes out when the loop starts: the process is ready, unless its actor says in
    ``health.state`` what it waits for.
    """
    with closing(StopSignal()) as stop:
        return _run(process, actor, inputs, outputs, stop)


def _run(
    process: Process,
    actor: Actor,
    inputs: Mapping[str, Socket | Subscriber],
    outputs: Mapping[str, Socket],
    stop: StopSignal,
) -> int:
    poller = zmq.Poller()
    poller.register(stop.fileno(), zmq.POLLIN)
    named: dict[Socket, str] = {}
    subscribers = [source for source in inputs.values() if isinstance(source, Subscriber)]
    for name, source in inputs.items():
        made = source.socket if isinstance(source, Subscriber) else source
        poller.register(made, zmq.POLLIN)
        named[made] = name
    watched: dict[int, Reader] = {}
    out = Outputs(process, outputs)
    if process.health.state == "starting":
        process.health.state = "ready"
    next_tick = next_beat = 0.0
    while not stop.stopped:
        busy = actor.busy() or any(reader.pending() for reader in watched.values())
        wait_s = 0.0 if busy else max(0.0, next_tick - time.monotonic())
        ready = dict(poller.poll(math.ceil(wait_s * 1000)))
        now = instant()
        for made, name in named.items():
            if made in ready:
                _take(made, name, actor, out, now)
        for fd, reader in watched.items():
            if fd in ready or reader.pending():
                out.send(reader.on_readable(now))
        if stop.fileno() in ready:
            stop.clear()
        out.send(actor.on_wake(now))
        mono = time.monotonic()
        if mono >= next_tick:
            next_tick = mono + TICK_S
            out.send(actor.on_tick(instant()))
            if process.orphaned:
                break
        if mono >= next_beat:
            next_beat = mono + BEAT_S
            for subscriber in subscribers:
                subscriber.refresh()
            out.beat(now)
        _watch(poller, watched, actor.readers())
    process.health.state = "draining"
    now = instant()
    out.send(actor.on_drain(now))
    out.beat(now)
    for made in [*named, *outputs.values()]:
        made.close(linger=500)
    return 0


def _take(made: Socket, name: str, actor: Actor, out: Outputs, now: Instant) -> None:
    for _ in range(PER_WAKE):
        try:
            frames = made.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return
        sends = actor.on_message(name, frames, now)
        if sends:
            out.send(sends)


def _watch(poller: zmq.Poller, watched: dict[int, Reader], wanted: Sequence[Reader]) -> None:
    """Make the poller watch exactly the wanted readers."""
    fds = {reader.fileno(): reader for reader in wanted}
    if fds == watched:
        return
    for fd in [fd for fd in watched if watched[fd] is not fds.get(fd)]:
        poller.unregister(fd)
        del watched[fd]
    for fd, reader in fds.items():
        if fd >= 0 and fd not in watched:
            poller.register(fd, zmq.POLLIN)
            watched[fd] = reader

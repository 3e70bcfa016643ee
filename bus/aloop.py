"""The same life cycle and the same actor over asyncio.

For processes that have a network peer beside ZeroMQ.

ZeroMQ's descriptor is edge-triggered: after each read the socket is read again until it is empty,
at most ``PER_WAKE`` messages at a time, so that other work of the loop gets its turn.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import zmq

from bus.actor import PER_WAKE, TICK_S, Actor, Outputs, instant
from bus.heartbeat import BEAT_S
from bus.process import Process
from bus.sockets import Socket, Subscriber

Serve = Callable[[asyncio.Event], Awaitable[None]]
"""The network side: runs until the event is set, then closes its connections and returns."""


async def run(
    process: Process,
    actor: Actor,
    inputs: Mapping[str, Socket | Subscriber],
    outputs: Mapping[str, Socket],
    serve: Serve,
    stopping: asyncio.Event | None = None,
) -> int:
    """Run ``actor`` and ``serve`` until SIGTERM, SIGINT or the parent's death; return 0.

    With ``stopping`` it is the caller who ends it by that event; signals are not listened to.
    """
    loop = asyncio.get_running_loop()
    if stopping is None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
    out = Outputs(process, outputs)
    subscribers = [source for source in inputs.values() if isinstance(source, Subscriber)]
    sockets = {
        name: source.socket if isinstance(source, Subscriber) else source
        for name, source in inputs.items()
    }
    failed: asyncio.Future[None] = loop.create_future()
    takers = [_Taker(loop, name, made, actor, out, failed) for name, made in sockets.items()]
    if process.health.state == "starting":
        process.health.state = "ready"
    server = asyncio.ensure_future(serve(stopping))
    stop = asyncio.ensure_future(stopping.wait())
    ends: list[asyncio.Future[Any]] = [stop, server, failed]
    beat_at = 0.0
    while not stopping.is_set() and not server.done() and not failed.done():
        now = instant()
        out.send(actor.on_tick(now))
        if process.orphaned:
            stopping.set()
        if loop.time() >= beat_at:
            beat_at = loop.time() + BEAT_S
            for subscriber in subscribers:
                subscriber.refresh()
            out.beat(now)
        for taker in takers:
            taker.take()
        await asyncio.wait(ends, timeout=TICK_S, return_when="FIRST_COMPLETED")
    stopping.set()
    if failed.done():
        failed.result()  # impossible trouble ends the process, as in bus/actor.py
    process.health.state = "draining"
    out.send(actor.on_drain(instant()))
    await server
    out.beat(instant())
    for taker in takers:
        taker.close()
    for made in {*sockets.values(), *outputs.values()}:
        made.close(linger=500)
    return 0


class _Taker:
    """Reads one ZeroMQ socket whenever its descriptor says that something may have happened."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        made: Socket,
        actor: Actor,
        out: Outputs,
        failed: "asyncio.Future[None]",
    ) -> None:
        self._loop = loop
        self._name = name
        self._socket = made
        self._actor = actor
        self._out = out
        self._failed = failed
        self._scheduled = False
        self._fd = made.fileno()
        loop.add_reader(self._fd, self.take)

    def take(self) -> None:
        """Hand over what is there; come back soon if there is more.

        asyncio would log an error of a callback and go on: it is kept for the one who runs.
        """
        try:
            self._take()
        except Exception as error:
            if not self._failed.done():
                self._failed.set_exception(error)

    def _take(self) -> None:
        self._scheduled = False
        now = instant()
        for _ in range(PER_WAKE):
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            self._out.send(self._actor.on_message(self._name, frames, now))
        else:
            if not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self.take)
        self._out.send(self._actor.on_wake(now))

    def close(self) -> None:
        """Stop reading."""
        self._loop.remove_reader(self._fd)

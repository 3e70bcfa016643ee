"""Programs to be run, signalled and killed: ``python -m tests.bus.programs NAME``.

Each says ``ready`` on its standard output once its loop runs.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence

import zmq

from bus import actor, aloop, sockets
from bus.actor import Idle, Instant, Send
from bus.process import Process, run, run_folder
from bus.wiring import BATCHES, OUT


def say(line: str) -> None:
    """Write a line at once."""
    os.write(1, line.encode() + b"\n")


class Telling(Idle):
    """Says when its loop runs, how often it ticks, and what it takes."""

    def __init__(self) -> None:
        self.ticks = self.taken = 0
        self.fails = ""

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        self.taken += 1
        if self.fails == "message":
            raise RuntimeError("impossible")
        return ()

    def on_tick(self, now: Instant) -> Sequence[Send]:
        if self.ticks == 0:
            say("ready")
        self.ticks += 1
        if self.fails == "tick":
            raise RuntimeError("impossible")
        if self.ticks % 5 == 0:
            say(f"{self.ticks} ticks, {self.taken} taken")
        return ()

    def on_drain(self, now: Instant) -> Sequence[Send]:
        say("drained")
        return (Send("persister", b"", b"last words"),)


class Busy(Telling):
    """Always has work to go on with."""

    def busy(self) -> bool:
        return True


def flood(context: "zmq.Context[sockets.Socket]", address: str) -> None:
    """Send for ever, faster than anybody reads."""
    push = context.socket(zmq.PUSH)
    push.connect(address)
    while True:
        push.send(b"x")


def wired(process: Process, name: str) -> int:
    """Run an actor on sockets of its own."""
    context: zmq.Context[sockets.Socket] = zmq.Context()
    run_dir = run_folder(process.settings)
    made = Busy() if name == "busy" else Telling()
    made.fails = {"tick-fails": "tick", "message-fails": "message"}.get(name.lstrip("a"), "")
    pull = context.socket(zmq.PULL)
    pull.bind("inproc://flood")
    if name.lstrip("a") in ("flooded", "message-fails"):
        threading.Thread(target=flood, args=(context, "inproc://flood"), daemon=True).start()
    outputs = {
        "out": sockets.bind(context, OUT, run_dir, process.program),
        "persister": sockets.connect(context, BATCHES, run_dir, "persister"),
    }
    if not name.startswith("a"):
        return actor.run(process, made, {"in": pull}, outputs)

    async def serve(stopping: asyncio.Event) -> None:
        await stopping.wait()

    return asyncio.run(aloop.run(process, made, {"in": pull}, outputs, serve))


def parent(process: Process) -> int:
    """Start a child, say its pid, wait to be killed."""
    with subprocess.Popen([sys.executable, "-m", "tests.bus.programs", "idle"]) as child:
        say(f"child {child.pid}")
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    chosen = sys.argv[1]
    if chosen == "parent":
        run("parent", parent)
    run("program", lambda process: wired(process, chosen))

"""Who takes part: how each is started, and how its clients talk.

Comes in: what is installed. Goes out: a running server's port and processes. A peer is this
module's own child, and ended by its own id.
"""

import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.fanout import bare
from bench.fanout.web_processes import WebProcesses, symbols
from bench.load.dialects import NCHAN, PLAIN, SOCKETIO, Dialect, tickwire
from bench.peers.install import NODE, PYTHON
from bench.peers.nchan_room import MODULES
from bus.settings import ROOT
from tests.surroundings import free_ports, with_us

READY_WITHIN_S = 30.0


class Load(NamedTuple):
    """What every entrant has to do."""

    clients: int
    rate: float
    bytes: int
    """Of a message; its frame has 4 more."""


class Running(NamedTuple):
    """One that runs. ``spend`` lets so many seconds pass, in which it tells its clients."""

    port: int
    pids: list[int]
    spend: Callable[[float], object]


class Entrant(NamedTuple):
    """One that takes part."""

    name: str
    shown: str
    dialect: Dialect
    start: Callable[[Load], AbstractContextManager[Running]]
    says: tuple[str, ...] = ()
    missing: str = ""
    """Why it cannot take part; "": it can."""


@contextmanager
def ours(load: Load) -> Iterator[Running]:
    """Run one web process of tickwire."""
    with (
        tempfile.TemporaryDirectory() as folder,
        WebProcesses(Path(folder), 1, symbols(1)) as web,
    ):
        yield Running(web.port, sorted(web.pids), lambda seconds: web.steady(load.rate, seconds))


def peer(*command: str) -> Callable[[Load], AbstractContextManager[Running]]:
    """Return how to run a program with the peers' interface."""

    @contextmanager
    def run(load: Load) -> Iterator[Running]:
        [port] = free_ports(1)
        arguments = ("--port", str(port), "--rate", str(load.rate), "--bytes", str(load.bytes))
        process = subprocess.Popen(
            [*with_us(), *command, *arguments], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            until = time.monotonic() + READY_WITHIN_S
            words: list[bytes] = []
            while words[:1] != [b"READY"]:
                left = until - time.monotonic()
                if left < 0 or not select.select([process.stdout], [], [], left)[0]:
                    raise SystemExit(f"{command[-1]} is not ready after {READY_WITHIN_S:.0f} s")
                line = process.stdout.readline()
                if not line:
                    raise SystemExit(f"{command[-1]} does not start: what it said stands above")
                words = line.split()
            yield Running(port, [int(each) for each in words[1:]], time.sleep)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    return run


def _python(module: str) -> Callable[[Load], AbstractContextManager[Running]]:
    return peer(str(PYTHON), "-m", f"bench.peers.{module}")


def _node(file: str) -> Callable[[Load], AbstractContextManager[Running]]:
    return peer("node", str(NODE.parent / file))


def _needs(module: str) -> str:
    found = list(PYTHON.parent.parent.glob(f"lib/python*/site-packages/{module}"))
    return "" if found else f"{module} is not installed"


def _needs_node(package: str) -> str:
    if shutil.which("node") is None:
        return "there is no Node"
    return "" if (NODE / package).is_dir() else f"{package} is not installed"


def _needs_nchan() -> str:
    there = shutil.which("nginx") and (MODULES / "ngx_nchan_module.so").exists()
    return "" if there else "there is no nginx with nchan"


def entrants() -> list[Entrant]:
    """Return all, tickwire and the floor first."""
    [[says]] = bare.wishes(1, 1, 50)
    raw = peer(sys.executable, "-m", "bench.peers.raw_loop")
    each = "`send` for each"
    return [
        Entrant("raw", "raw `write()` loop", PLAIN, raw),
        Entrant("tickwire", "**tickwire**", tickwire(), ours, (says,)),
        Entrant(
            "starlette",
            "Starlette, `send_text` for each",
            PLAIN,
            _python("starlette_each"),
            missing=_needs("starlette"),
        ),
        Entrant(
            "websockets",
            "`websockets.broadcast`",
            PLAIN,
            _python("websockets_broadcast"),
            missing=_needs("websockets"),
        ),
        Entrant(
            "picows",
            f"picows (Cython), {each}",
            PLAIN,
            _python("picows_each"),
            missing=_needs("picows"),
        ),
        Entrant(
            "socketify",
            "socketify (uWebSockets)",
            PLAIN,
            _python("socketify_publish"),
            missing=_needs("socketify"),
        ),
        Entrant(
            "ws", f"`ws` (Node), {each}", PLAIN, _node("ws_each.mjs"), missing=_needs_node("ws")
        ),
        Entrant(
            "socketio",
            "Socket.IO (Node)",
            SOCKETIO,
            _node("socketio_emit.mjs"),
            missing=_needs_node("socket.io"),
        ),
        Entrant(
            "nchan",
            "nchan (nginx, C)",
            NCHAN,
            peer(sys.executable, "-m", "bench.peers.nchan_room"),
            missing=_needs_nchan(),
        ),
    ]

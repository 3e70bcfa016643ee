"""ZeroMQ sockets with every option said explicitly.

libzmq's defaults are infinite linger and message size, no heartbeats, and high-water marks that do
nothing when they are set after bind or connect.
"""

import fnmatch
import os
import socket
from collections.abc import Callable
from pathlib import Path

import zmq

from bus.errors import SettingError
from bus.wiring import OUT, Wire, endpoint

_KINDS = {"PUB": zmq.PUB, "XPUB": zmq.XPUB, "PULL": zmq.PULL, "SUB": zmq.SUB, "PUSH": zmq.PUSH}
Socket = zmq.Socket[bytes]


def _make(context: zmq.Context[Socket], kind: str, wire: Wire) -> Socket:
    made = context.socket(_KINDS[kind])
    made.setsockopt(zmq.SNDHWM, wire.hwm)
    made.setsockopt(zmq.RCVHWM, wire.hwm)
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.MAXMSGSIZE, wire.size_max)
    made.setsockopt(zmq.HEARTBEAT_IVL, 5_000)
    made.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15_000)
    made.setsockopt(zmq.RECONNECT_IVL, 50)
    made.setsockopt(zmq.RECONNECT_IVL_MAX, 1_000)
    if kind == "XPUB":
        # Every subscription and every end of one is seen, not only the first and the last.
        made.setsockopt(zmq.XPUB_VERBOSER, 1)
    if kind == "PUSH":
        # While the persister is away nothing is queued for it: it will read the journal.
        made.setsockopt(zmq.IMMEDIATE, 1)
    return made


def bind(context: zmq.Context[Socket], wire: Wire, run_dir: Path, program: str) -> Socket:
    """Return the bound side of ``wire``.

    The caller holds the program's lock: a second bind would steal the path.
    """
    made = _make(context, wire.binds, wire)
    made.bind(endpoint(run_dir, program, wire))
    return made


def bind_tcp(
    context: zmq.Context[Socket],
    wire: Wire,
    address: str,
    key: str,
    prepare: Callable[[Socket], None] = lambda made: None,
) -> Socket:
    """Return the bound side of ``wire`` on a ``tcp://`` address, which the setting ``key`` names.

    ``prepare`` is called before it is bound, as a peer may come at once.

    Raises:
        SettingError: the address is in use or not ours.
    """
    made = _make(context, wire.binds, wire)
    made.setsockopt(zmq.IPV6, 1 if "[" in address else 0)
    prepare(made)
    try:
        made.bind(address)
    except zmq.ZMQError as error:
        made.close()
        raise SettingError(
            key, f"{address} cannot be bound ({error.strerror})", "give a free address"
        ) from None
    return made


def connect(context: zmq.Context[Socket], wire: Wire, run_dir: Path, program: str) -> Socket:
    """Return the connecting side of ``wire`` to what ``program`` binds, which may come later."""
    made = _make(context, wire.connects, wire)
    made.connect(endpoint(run_dir, program, wire))
    return made


class Subscriber:
    """A SUB socket to every publisher in the run folder whose program matches, now or later.

    Args:
        context: ZeroMQ's.
        run_dir: the folder of the sockets.
        programs: patterns of program names, such as ``feed-*``.
        topics: the topic prefixes to take from all of them.
    """

    def __init__(
        self, context: zmq.Context[Socket], run_dir: Path, programs: list[str], topics: list[bytes]
    ) -> None:
        self.socket = _make(context, "SUB", OUT)
        self._run_dir = run_dir
        self._programs = programs
        self._connected: set[str] = set()
        for topic in topics:
            self.socket.setsockopt(zmq.SUBSCRIBE, topic)
        self.refresh()

    def refresh(self) -> None:
        """Connect to publishers that have appeared since the last look."""
        for name in _listed(self._run_dir):
            program, dot, kind = name.rpartition(".")
            if not dot or kind != OUT.name or program in self._connected:
                continue
            if any(fnmatch.fnmatchcase(program, pattern) for pattern in self._programs):
                self.socket.connect(endpoint(self._run_dir, program, OUT))
                self._connected.add(program)

    def subscribe(self, topic: bytes) -> None:
        """Take one more topic prefix."""
        self.socket.setsockopt(zmq.SUBSCRIBE, topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Leave a topic prefix."""
        self.socket.setsockopt(zmq.UNSUBSCRIBE, topic)


def port_is_free(host: str, port: int) -> bool:
    """True when nobody listens on ``host:port``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _listed(folder: Path) -> list[str]:
    """Return the names in a folder; none when a cleaner of temporary files has taken it."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []

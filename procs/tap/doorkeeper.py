"""Who may come in: ZeroMQ's authentication protocol (ZAP 1.0, RFC 27) over the authorised keys.

Comes in: libzmq's question about each connection that has shown with CURVE that it holds a key.
Goes out: 200 for an authorised one, 400 for any other. Without somebody who answers, CURVE alone
would let in any key at all: the socket is told to let in nobody then.
"""

from collections.abc import Mapping

import zmq
from zmq.utils import z85

from bus.actor import PER_WAKE, Instant, Sends
from bus.process import Process
from bus.sockets import Socket
from bus.tap_keys import ClientKeys, Pair

ENDPOINT = "inproc://zeromq.zap.01"
DOMAIN = b"tap"
SAY_EVERY_US = 60_000_000
"""So rarely is it said that somebody was refused: a stranger may not fill the log."""


def answer(question: list[bytes], names: Mapping[bytes, str]) -> list[bytes]:
    """Return the reply to one question: version, its id, status, reason, who that is, nothing."""
    version, request = (*question, b"", b"")[:2]
    reply = [b"1.0", request]
    if version != b"1.0" or len(question) != 7:
        return [*reply, b"500", b"no such question", b"", b""]
    domain, mechanism, key = question[2], question[5], question[6]
    if domain != DOMAIN or mechanism != b"CURVE" or len(key) != 32:
        return [*reply, b"400", b"CURVE alone", b"", b""]
    name = names.get(z85.encode(key))
    if name is None:
        return [*reply, b"400", b"unknown key", b"", b""]
    return [*reply, b"200", b"OK", name.encode(), b""]


class Doorkeeper:
    """Answers, as a reader of ``bus.actor``.

    Args:
        context: ZeroMQ's, the tap's own: it is asked about every socket of it that has a domain.
        process: whose health counts, and whose log tells.
        own: the tap's key pair.
        clients: who may come in.
    """

    def __init__(
        self,
        context: zmq.Context[Socket],
        process: Process,
        own: Pair,
        clients: ClientKeys,
    ) -> None:
        self._log = process.log
        self._counters = process.health.counters
        self._own = own
        self._clients = clients
        self._unreadable: dict[str, str] = {}
        self._said_at: int | None = None
        self._zap = context.socket(zmq.REP)
        self._zap.setsockopt(zmq.LINGER, 0)
        self._zap.bind(ENDPOINT)

    def prepare(self, tap: Socket) -> None:
        """Make a socket that is not bound yet demand a key that ``answer`` knows."""
        tap.setsockopt(zmq.CURVE_SERVER, 1)
        tap.setsockopt(zmq.CURVE_SECRETKEY, self._own.secret)
        tap.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        tap.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def fileno(self) -> int:
        """Return ZeroMQ's descriptor, which tells of changes only: ``pending`` knows."""
        return int(self._zap.getsockopt(zmq.FD))

    def pending(self) -> bool:
        """True when there is a question."""
        return bool(int(self._zap.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def on_readable(self, now: Instant) -> Sends:
        """Answer up to ``PER_WAKE`` questions."""
        for _ in range(PER_WAKE):
            try:
                question = self._zap.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            reply = answer(question, self._clients.names(now.mono))
            self._zap.send_multipart(reply, zmq.DONTWAIT)
            self._tell(question, reply, now)
        return ()

    def _tell(self, question: list[bytes], reply: list[bytes], now: Instant) -> None:
        for name, reason in self._clients.unreadable.items():
            if self._unreadable.get(name) != reason:
                self._log.warning("tap.key_unreadable", file=name, reason=reason)
        self._unreadable = self._clients.unreadable
        address = question[3].decode("ascii", "replace") if len(question) > 3 else ""
        if reply[2] == b"200":
            self._counters["admitted"] += 1
            self._log.info("tap.admitted", client=reply[4].decode(), address=address)
            return
        self._counters["refused"] += 1
        if self._said_at is None or now.mono - self._said_at >= SAY_EVERY_US:
            self._said_at = now.mono
            reason, so_far = reply[3].decode(), self._counters["refused"]
            self._log.warning("tap.refused", address=address, reason=reason, so_far=so_far)

    def close(self) -> None:
        """Answer nobody any more."""
        self._zap.close()

"""All clients of one load process: dialled, upgraded, read, and dialled again when they are lost.

One epoll loop on the calling thread. Some clients are read whenever something comes, and timed; the
others are swept, a few at a time, so that a sweep delays nobody whose latency counts.
"""

import errno
import heapq
import itertools
import json
import random
import select
import socket
import time
from collections import deque

from bench.load import frames
from bench.load.commands import Open
from bench.load.reader import Connection, Lost, Phase, Reader, send

_TURN_S = 0.002
_SLICE_MAX = 64
_DIALLED_MAX = 256
"""Connections that may be on their way at once."""
_AGAIN_S = 2.0
"""A client that is refused tries again after a chance of up to so long."""
_BIND_WITHOUT_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


class Clients:
    """The clients of one ``Open``."""

    def __init__(self, wish: Open) -> None:
        self._wish = wish
        self.reader = Reader(wish.dialect, wish.checked, compressed=wish.compressed)
        self.all = [
            Connection(number, sampled=number % wish.sampled_every == 0)
            for number in range(wish.count)
        ]
        self.live = 0
        self.refused = 0
        self.refusal = 0
        """The HTTP status of the last refusal that had one."""
        self.stalled = False
        self._poll = select.epoll()
        self._by_file: dict[int, Connection] = {}
        self._swept = deque(one for one in self.all if not one.sampled)
        self._swept_at = time.monotonic()
        self._to_dial: deque[Connection] = deque(self.all)
        self._later: list[tuple[float, int, Connection]] = []
        self._order = itertools.count()
        self._dialled = 0
        self._upgrade = frames.upgrade(
            f"127.0.0.1:{wish.port}", wish.dialect.path, compressed=wish.compressed
        )

    def watch(self, file: int) -> None:
        """Let ``turn`` end early when this file can be read."""
        self._poll.register(file, select.EPOLLIN)

    def turn(self) -> None:
        """Do what is to be done now; wait at most a moment for it."""
        self._dial()
        for file, _ in self._poll.poll(_TURN_S if self._swept or self._later else 0.05, 256):
            one = self._by_file.get(file)
            if one is not None:
                self._ready(one)
        self._sweep()

    def drain(self) -> None:
        """Read all that has come to anybody."""
        if self.stalled:
            return
        for one in self.all:
            while one.phase is Phase.LIVE and self._read(one):
                pass

    def stall(self) -> None:
        """Never read again."""
        self.stalled = True
        self._swept.clear()
        for file in self._by_file:
            self._poll.unregister(file)
        self._by_file.clear()

    def count_ended(self) -> None:
        """Of those that do not read any more: count whom the server has cut."""
        for one in self.all:
            if one.socket is None:
                continue
            gone = one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            poll = select.poll()
            poll.register(one.socket, select.POLLRDHUP)
            if gone or poll.poll(0):
                self.reader.tally.ended(0)
                one.socket.close()
                one.socket = None
                self.live -= 1

    def close(self) -> None:
        """Cut all connections."""
        for one in self.all:
            if one.socket is not None:
                one.socket.close()
        self._poll.close()

    # ---- from waiting to live

    def _dial(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._to_dial.append(heapq.heappop(self._later)[2])
        while self._to_dial and self._dialled < _DIALLED_MAX:
            self._connect(self._to_dial.popleft())

    def _connect(self, one: Connection) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        one.socket = made
        one.rest = b""
        made.setsockopt(socket.IPPROTO_IP, _BIND_WITHOUT_PORT, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._wish.receive_bytes:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._wish.receive_bytes)
        sources = self._wish.sources
        made.bind((sources[one.number % len(sources)], 0))
        one.phase = Phase.DIALLING
        self._dialled += 1
        failure = made.connect_ex(("127.0.0.1", self._wish.port))
        if failure not in (0, errno.EINPROGRESS):
            self._lose(one, 0)
            return
        self._by_file[made.fileno()] = one
        self._poll.register(made, select.EPOLLOUT)

    def _ready(self, one: Connection) -> None:
        if one.phase is not Phase.DIALLING:
            self._read(one)
            return
        assert one.socket is not None
        if one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lose(one, 0)
            return
        one.phase = Phase.UPGRADING
        self._poll.modify(one.socket, select.EPOLLIN)
        self._tell(one, self._upgrade)

    def _tell(self, one: Connection, frame: bytes) -> None:
        try:
            send(one, frame)
        except Lost as lost:
            self._lose(one, lost.code)

    def _read(self, one: Connection) -> bool:
        before = one.phase
        try:
            found = self.reader.read(one)
        except Lost as lost:
            self._lose(one, lost.code)
            return False
        if one.phase is not before:
            if before is Phase.UPGRADING:
                for text in self._says(one):
                    self._tell(one, frames.masked(frames.TEXT, text.encode()))
            if one.phase is Phase.LIVE:
                self._settled(one)
        return found

    def _settled(self, one: Connection) -> None:
        self.live += 1
        self._dialled -= 1
        if not one.sampled:
            assert one.socket is not None
            self._poll.unregister(one.socket)
            del self._by_file[one.socket.fileno()]

    def _says(self, one: Connection) -> list[str]:
        wishes = self._wish.subscriptions
        texts = wishes[one.number % len(wishes)] if wishes else []
        if one.lost_at is not None and self._wish.checked:
            texts = [_resuming(text, one) for text in texts]
        return [*self._wish.dialect.says, *texts]

    # ---- from live to waiting

    def _lose(self, one: Connection, code: int) -> None:
        assert one.socket is not None
        file = one.socket.fileno()
        if self._by_file.pop(file, None) is not None:
            self._poll.unregister(file)
        one.socket.close()
        one.socket = None
        now = time.monotonic()
        within = self._wish.returning_s or _AGAIN_S
        if one.phase is Phase.LIVE:
            self.live -= 1
            self.reader.tally.ended(code)
            if one.lost_at is None:
                one.lost_at = now
        else:
            self._dialled -= 1
            self.refused += 1
            self.refusal = code or self.refusal
            within = _AGAIN_S
        was_live = one.phase is Phase.LIVE
        one.phase = Phase.WAITING
        if self._wish.returning_s or not was_live:
            due = now + random.uniform(0, within)
            heapq.heappush(self._later, (due, next(self._order), one))

    # ---- those that are read now and then

    def _sweep(self) -> None:
        now = time.monotonic()
        self._swept_at = max(self._swept_at, now - 2 * self._wish.sweep_s)
        share = len(self._swept) * (now - self._swept_at) / self._wish.sweep_s
        if share < 1:
            return
        number = min(int(share), _SLICE_MAX)
        self._swept_at += number * self._wish.sweep_s / len(self._swept)
        for _ in range(min(number, len(self._swept))):
            one = self._swept[0]
            self._swept.rotate(-1)
            if one.phase is Phase.LIVE:
                self._read(one)


def _resuming(text: str, one: Connection) -> str:
    """Return a subscription that goes on where the connection was lost."""
    wish = json.loads(text)
    payload = wish["payload"]
    if payload.get("channel") == "trade":
        payload["resume"] = {name: list(each) for name, each in one.seen.positions().items()}
    elif one.seen.shown:
        newest = max(one.seen.shown.values(), key=lambda each: each[:2])
        payload["resume"] = {"aggregator": [newest.epoch, newest.seq]}
    return json.dumps(wish)

"""The heartbeats of an installation, heard in its run folder like any process hears them."""

from pathlib import Path
from types import TracebackType

import zmq

from bus import topics
from bus.messages import Heartbeat, decode
from bus.sockets import Socket, Subscriber


class Heartbeats:
    """Listens as long as the ``with`` lasts. ``take`` hears what has come since."""

    def __init__(self, run_dir: Path) -> None:
        self._context: zmq.Context[Socket] = zmq.Context()
        self._subscriber = Subscriber(
            self._context, run_dir, ["*"], [topics.heartbeat("").removesuffix(b".")]
        )
        self._last: dict[str, Heartbeat] = {}
        self._before: dict[str, Heartbeat] = {}

    def __enter__(self) -> "Heartbeats":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._subscriber.socket.close(linger=0)
        self._context.term()

    def take(self) -> dict[str, Heartbeat]:
        """Return the last heartbeat of each program that was heard."""
        self._subscriber.refresh()
        while True:
            try:
                _, payload = self._subscriber.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return self._last
            beat = decode(payload)
            if isinstance(beat, Heartbeat):
                if beat.program in self._last:
                    self._before[beat.program] = self._last[beat.program]
                self._last[beat.program] = beat

    def last_two(self, program: str) -> tuple[Heartbeat | None, Heartbeat | None]:
        """Return a program's last heartbeat and the one before."""
        return self._last.get(program), self._before.get(program)

"""The messages that could not be read: counted, and the last of them kept for a person to see.

Nothing that our own questions carry as a key is ever in them, whoever repeats it.
"""

from collections import deque
from collections.abc import Callable, Iterable

from bus.actor import Instant
from bus.heartbeat import Health

KEPT = 20
BYTES_KEPT = 500


class BadFrames:
    """One exchange's bad frames.

    Args:
        health: counts them.
        keep: takes the last ones, once a second, when there are new ones.
        secrets: what is not to be shown.
    """

    def __init__(
        self, health: Health, keep: Callable[[Iterable[str]], None], secrets: Iterable[str]
    ) -> None:
        self._health = health
        self._keep = keep
        self._secrets = tuple(secrets)
        self._last: deque[str] = deque(maxlen=KEPT)
        self._kept = 0

    def add(self, reason: str, frame: bytes, now: Instant) -> None:
        """Count one."""
        self._health.counters["bad_frames"] += 1
        for secret in self._secrets:  # before it is cut: half a key would not be found
            frame = frame.replace(secret.encode(), b"...")
        self._last.append(f"{now.wall} {self.shown(reason)}: {frame[:BYTES_KEPT]!r}")

    def shown(self, text: str) -> str:
        """Return a text of the exchange's without anything that is a secret."""
        for secret in self._secrets:
            text = text.replace(secret, "...")
        return text

    def on_second(self) -> None:
        """Let the last ones be kept where the operator finds them."""
        if self._kept != self._health.counters["bad_frames"]:
            self._kept = self._health.counters["bad_frames"]
            self._keep(self._last)

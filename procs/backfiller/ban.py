"""How long an exchange has asked to be left alone, in a file: who is killed still knows it then.

In goes what it asked for; out comes what is left of it, to a later life of the process too. Moments
are of the wall clock, the only one that lives as long. One that was set back makes the wait no
longer than it was. A file that cannot be read or written is as good as none: what it spares is a
call that the exchange would refuse, and answer with the wait once more.
"""

import os
from pathlib import Path

import msgspec

from bus.log import Log
from procs.feed.refusal import RETRY_AFTER_S_MAX


class Ban(msgspec.Struct, frozen=True):
    """What stands in the file. Moments in µs UTC."""

    reason: str
    since: int
    until: int

    def left_us(self, wall: int) -> int:
        """Return how much of it is left, µs; negative: it is over."""
        longest = min(self.until - self.since, int(RETRY_AFTER_S_MAX * 1e6))
        return min(self.until - wall, longest)


class BanFile:
    """The file of one exchange.

    Args:
        path: where it is.
        log: one WARNING when it cannot be written.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._log = log

    def read(self) -> Ban | None:
        """Return what stands there, if anything does that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Ban)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def write(self, ban: Ban) -> None:
        """Put it in the place of what stands there: a kill leaves the one or the other."""
        beside = self._path.with_suffix(".tmp")
        try:
            beside.write_bytes(msgspec.json.encode(ban))
            os.replace(beside, self._path)
        except OSError as error:
            self._log.warning("backfiller.ban_not_kept", path=self._path, reason=error.strerror)

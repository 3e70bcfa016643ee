"""Who is hung, who was given up, and what is to be done about it. Pure: time is an argument.

Comes in: heartbeats as they are heard, and supervisord's view once a second. Goes out: orders to
kill, to hurry or to start. It never kills a program that it has not heard since that program
started, or while it was itself not listening; it hurries and kills only what supervisord calls
RUNNING.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from procs.supervisor_rpc import Seen

HUNG_AFTER_S = 20
"""Silence that means hung: long enough for a busy CPU, twenty missed heartbeats."""
START_AFTER_S = 60
"""How long a program stays given up before a new start, on which supervisord tries 20 times."""
HURRY_AGAIN_S = 10
"""So long a database server may take to stop at once, before it is told again."""
DATABASE = "postgres"
"""The program that is one."""
NOT_LISTENING_S = 5
"""A pause between two looks that proves that the watchdog itself stood still."""


@dataclass(frozen=True)
class Kill:
    """Kill a hung program."""

    full_name: str
    name: str
    pid: int
    silent_s: int


@dataclass(frozen=True)
class Hurry:
    """Stop a database server at once that was asked to stop and waits for its clients to go.

    That is what SIGTERM asks it for. Its clients never go, and nobody else is let in any more.
    """

    full_name: str
    name: str
    pid: int


@dataclass(frozen=True)
class Start:
    """Start a program that supervisord has given up."""

    full_name: str
    name: str
    attempt: int


Order = Kill | Hurry | Start


@dataclass
class _GivenUp:
    since: int | None
    attempts: int = 0


class Judge:
    """Everything that the watchdog remembers. Times are µs of a clock that only goes forward."""

    def __init__(self) -> None:
        self.restarts: Counter[str] = Counter()
        """For each program, how often another pid took its place while we looked."""
        self._heard: dict[str, tuple[int, int]] = {}
        self._pids: dict[str, int] = {}
        self._given_up: dict[str, _GivenUp] = {}
        self._hurried = (0, 0)
        self._looked: int | None = None

    def heard(self, name: str, pid: int, now: int) -> None:
        """Take one heartbeat of the program ``name``, process ``pid``."""
        self._heard[name] = (pid, now)

    def look(self, programs: Sequence[Seen], now: int, stopping: int = 0) -> list[Order]:
        """Take supervisord's view, and the server that is stopping; return what is to be done."""
        if self._looked is not None and now - self._looked > NOT_LISTENING_S * 1_000_000:
            # Stopped or starved, we heard nobody: that is no one else's silence.
            self._heard = {name: (pid, now) for name, (pid, _) in self._heard.items()}
        self._looked = now
        orders: list[Order] = []
        for seen in programs:
            self._count(seen)
            if seen.state == "FATAL":
                orders += self._start(seen, now)
            else:
                self._alive(seen)
                orders += self._kill(seen, now)
                orders += self._hurry(seen, stopping, now)
        return orders

    def _count(self, seen: Seen) -> None:
        if seen.pid:
            before = self._pids.get(seen.name)
            if before is not None and before != seen.pid:
                self.restarts[seen.name] += 1
            self._pids[seen.name] = seen.pid

    def _kill(self, seen: Seen, now: int) -> list[Order]:
        pid, at = self._heard.get(seen.name, (0, 0))
        if seen.state != "RUNNING" or pid != seen.pid or now - at < HUNG_AFTER_S * 1_000_000:
            return []
        self._heard[seen.name] = (pid, now)  # should it survive, it has as long again
        return [Kill(seen.full_name, seen.name, pid, (now - at) // 1_000_000)]

    def _hurry(self, seen: Seen, stopping: int, now: int) -> list[Order]:
        if seen.name != DATABASE or seen.state != "RUNNING" or seen.pid != stopping:
            return []
        pid, at = self._hurried
        if pid == stopping and now - at < HURRY_AGAIN_S * 1_000_000:
            return []
        self._hurried = (stopping, now)
        return [Hurry(seen.full_name, seen.name, stopping)]

    def _alive(self, seen: Seen) -> None:
        if seen.state == "RUNNING":
            self._given_up.pop(seen.name, None)
        elif seen.name in self._given_up:
            self._given_up[seen.name].since = None

    def _start(self, seen: Seen, now: int) -> list[Order]:
        case = self._given_up.setdefault(seen.name, _GivenUp(now))
        if case.since is None:
            case.since = now
        if now - case.since < START_AFTER_S * 1_000_000:
            return []
        case.since = now
        case.attempts += 1
        return [Start(seen.full_name, seen.name, case.attempts)]

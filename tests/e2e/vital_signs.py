"""What an installation's heartbeats tell of it while it is hurt: recovery, lag, backlog, memory.

Comes in: every heartbeat, heard in a thread of its own, and word of each kill. Goes out: how long
it took until each killed program worked again as another process, what the aggregator found when it
compared itself with Postgres, and figures of the rest.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psycopg
import zmq

from bus import topics
from bus.messages import Heartbeat, decode
from bus.sockets import Socket
from bus.wiring import OUT, endpoint
from tests.beside import Beside
from tests.e2e.nemesis import DATABASE_USERS

LISTEN_MS = 20
LOOK_EVERY_S = 1.0
APART_S = 5.0
"""Kills of one program that are nearer together are repeats: supervisord backs off then."""
BACKLOG_US = 1_000_000
"""A persister that is so far behind drains a backlog."""


class Recovery(NamedTuple):
    """One program that was killed and works again."""

    program: str
    seconds: float
    repeat: bool
    """It was killed less than ``APART_S`` before, too."""
    hindered: bool
    """Something else kept it from working: no database, no disk, no supervisord, a SIGSTOP."""


class Figures(NamedTuple):
    """What was measured since it was last asked for."""

    recoveries: list[Recovery]
    lags_us: list[int]
    """The persister's, each second: from the socket to the commit in Postgres."""
    drains: list[float]
    """Trades a second that it stored while it was far behind."""


@dataclass
class _Kill:
    at: float
    pid: int
    repeat: bool
    hindered: bool


class VitalSigns(Beside):
    """Listens as long as the ``with`` lasts.

    Args:
        run_dir: of the installation.
        dsn: of its database, which says no heartbeats.
    """

    def __init__(self, run_dir: Path, dsn: str) -> None:
        super().__init__(self._listen, self._try_database)
        self._run_dir = run_dir
        self._dsn = dsn
        self._lock = threading.Lock()
        self._pending: dict[str, _Kill] = {}
        self._killed_at: dict[str, float] = {}
        self._hindrances: Counter[str] = Counter()
        self.last: dict[str, Heartbeat] = {}
        self._figures = Figures([], [], [])
        self._counted: dict[tuple[int, int], dict[str, int | float]] = {}
        """What each life of the aggregator counted, by its pid and when it began."""
        self.rss: dict[str, int] = {}
        """The most of each program, bytes."""

    def killed(self, program: str, pid: int) -> None:
        """Note that a program's process was just killed."""
        now = time.monotonic()
        with self._lock:
            repeat = now - self._killed_at.get(program, -APART_S) < APART_S
            self._killed_at[program] = now
            lacks_database = program in DATABASE_USERS and "postgres" in self._pending
            hindered = lacks_database or any(self._hindrances[one] for one in ("", program))
            self._pending[program] = _Kill(now, pid, repeat, hindered)
            if program == "postgres":
                for name in DATABASE_USERS:
                    self._hinder(name)

    def hindered(self, program: str, *, on: bool) -> None:
        """Note that something begins, or ends, to keep a program from working; "": all of them."""
        with self._lock:
            self._hindrances[program] += 1 if on else -1
            self._hinder(program)

    def _hinder(self, program: str) -> None:
        for name, kill in self._pending.items():
            if program in ("", name):
                kill.hindered = True

    def forget(self) -> None:
        """Wait for nobody: everything was killed and is being started anew."""
        with self._lock:
            self._pending.clear()

    def ready(self) -> dict[str, int]:
        """Return the process of each program that said last that it works."""
        with self._lock:
            return {name: beat.pid for name, beat in self.last.items() if _works(beat)}

    def figures(self) -> Figures:
        """Return what was measured since the last call."""
        with self._lock:
            found, self._figures = self._figures, Figures([], [], [])
            return found

    # ---- the aggregator's own look

    def self_checks(self, name: str) -> int:
        """Return a sum over all lives of the aggregator: of ``runs``, ``candles``, ``differences``.

        A life that is killed between a check and the next heartbeat takes that one with it.
        """
        with self._lock:
            lives = self._counted.values()
            return sum(int(counted.get(f"self_check_{name}", 0)) for counted in lives)

    def checked_itself(self) -> bool:
        """Return whether the aggregator that lives has compared itself with Postgres."""
        with self._lock:
            beat = self.last.get("aggregator")
            return beat is not None and beat.counters.get("self_check_runs", 0) > 0

    def assert_no_difference(self) -> None:
        """Fail if an aggregator ever showed what was not in Postgres; it has mended that since."""
        found = self.self_checks("differences")
        assert found == 0, f"the aggregator found {found} candles that Postgres has otherwise"

    # ---- threads

    def _listen(self) -> None:
        with zmq.Context() as context, context.socket(zmq.SUB) as heard:
            # A new process says its first word at once: whoever comes back later misses it.
            heard.setsockopt(zmq.RECONNECT_IVL, 5)
            heard.setsockopt(zmq.LINGER, 0)
            heard.setsockopt(zmq.SUBSCRIBE, topics.heartbeat("")[:-1])
            connected: set[str] = set()
            next_look = 0.0
            while not self.ended.is_set():
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + LOOK_EVERY_S
                    self._connect(heard, connected)
                if heard.poll(LISTEN_MS):
                    beat = decode(heard.recv_multipart()[1])
                    if isinstance(beat, Heartbeat):
                        self._take(beat)

    def _connect(self, heard: Socket, connected: set[str]) -> None:
        for path in self._run_dir.glob(f"*.{OUT.name}"):
            program = path.name.removesuffix(f".{OUT.name}")
            if program not in connected:
                connected.add(program)
                heard.connect(endpoint(self._run_dir, program, OUT))

    def _take(self, beat: Heartbeat) -> None:
        with self._lock:
            before = self.last.get(beat.program)
            self.last[beat.program] = beat
            self.rss[beat.program] = max(self.rss.get(beat.program, 0), beat.rss_bytes)
            if beat.program == "persister":
                self._count_lag(before, beat)
            elif beat.program == "aggregator":
                self._counted[beat.pid, beat.started] = beat.counters
            kill = self._pending.get(beat.program)
            if kill is not None and beat.pid != kill.pid and _works(beat):
                self._recovered(beat.program)

    def _count_lag(self, before: Heartbeat | None, beat: Heartbeat) -> None:
        if beat.lag_us is None:
            return
        if beat.state == "ready":
            self._figures.lags_us.append(beat.lag_us)
        if before is None or before.pid != beat.pid or before.lag_us is None:
            return
        if min(before.lag_us, beat.lag_us) > BACKLOG_US:
            stored = beat.counters.get("stored", 0) - before.counters.get("stored", 0)
            if stored:
                self._figures.drains.append(stored / ((beat.ts - before.ts) / 1e6))

    def _recovered(self, program: str) -> None:
        kill = self._pending.pop(program)
        seconds = time.monotonic() - kill.at
        found = Recovery(program, round(seconds, 3), kill.repeat, kill.hindered)
        self._figures.recoveries.append(found)

    def _try_database(self) -> None:
        while not self.ended.wait(0.05):
            with self._lock:
                wanted = "postgres" in self._pending
            if not wanted:
                continue
            try:
                psycopg.connect(self._dsn, connect_timeout=2).close()
            except psycopg.Error:
                continue
            with self._lock:
                if "postgres" in self._pending:
                    self._recovered("postgres")


def _works(beat: Heartbeat) -> bool:
    return beat.state.startswith(("ready", "idle"))

"""What befalls machine and database in the simulation: set clocks, full disks, a database away.

Comes in: the world's chance, clock, feeds and database, and word of each step. Goes out: trouble
that begins and ends by the seed, and how often each kind came. The full disk is an error at the
journal's seam; a real full disk is tried in ``tests/bus`` and by ``make chaos``.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bus.actor import Instant
from bus.errors import JournalFull
from bus.journal import JournalWriter
from bus.log import Log
from procs.feed.connection import Connection
from procs.feed.exchanges import Streamed
from tests.procs.living import Clock
from tests.sim.market import START

HOUR_US = 3_600_000_000
STEPS_US = (HOUR_US, -HOUR_US, 24 * HOUR_US, -24 * HOUR_US)
BEGINS = {"clock": 0.04, "disk": 0.03, "away": 0.03, "read-only": 0.03}
"""How likely each kind begins in a step in which it is not there."""
LASTS_MAX = 12
"""Steps."""


class SteppedClock(Clock):
    """Both clocks; the wall's may be set, and ``true`` goes on as the market's time."""

    def __init__(self, now: Instant) -> None:
        self.now = now
        self._wrong_by = 0

    @property
    def true(self) -> int:
        """The time that it is, µs UTC."""
        return self.now.wall - self._wrong_by

    def step(self, micros: int) -> None:
        """Set the wall's clock."""
        self._wrong_by += micros
        self.now = Instant(self.now.wall + micros, self.now.mono)


class Disk(JournalWriter):
    """A journal on a disk that may be full: then it takes nothing and gives no room."""

    def __init__(self, path: Path) -> None:
        self.full = False
        super().__init__(path, cap_bytes=1 << 30, reserve_bytes=1 << 20)

    def append(self, *arguments: Any, **named: Any) -> int:
        """Append, where there is room."""
        self._look_for_room()
        return super().append(*arguments, **named)

    def drop(self, *arguments: Any, **named: Any) -> int:
        """Delete the oldest; that takes room, too."""
        self._look_for_room()
        return super().drop(*arguments, **named)

    def _look_for_room(self) -> None:
        if self.full:
            raise JournalFull("database or disk is full") from sqlite3.OperationalError()


class Connected(Connection):
    """A connection that stands, to an exchange that has told its time."""

    def __init__(self, exchange: Streamed) -> None:
        super().__init__(exchange, "", "", lambda frame, now: True, Log("feed"))
        self.state = "connected"
        self.clock_offset_us, self.clock_known = START - 1_000_000, True

    def on_tick(self, now: Instant) -> None:
        """Stay as it is."""


class Database:
    """The world's database, with who is let in."""

    def __init__(self, dsn: str) -> None:
        self._name = str(conninfo_to_dict(dsn)["dbname"])
        self._server = make_conninfo(dsn, dbname="postgres")

    def let_in(self, *, yes: bool) -> None:
        """Let everybody in again, or nobody."""
        self._alter(
            sql.SQL("WITH ALLOW_CONNECTIONS {}").format(sql.SQL("true" if yes else "false"))
        )

    def be_read_only(self, *, yes: bool) -> None:
        """Take nothing from who comes from now on, or everything."""
        word = sql.SQL("on" if yes else "off")
        self._alter(sql.SQL("SET default_transaction_read_only = {}").format(word))

    def _alter(self, what: sql.Composable) -> None:
        """Change it, and send those away who are there, but for the test itself."""
        with psycopg.connect(self._server, autocommit=True) as connection:
            name = sql.Identifier(self._name)
            connection.execute(sql.SQL("ALTER DATABASE {} ").format(name) + what)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND application_name IN ('persister', 'aggregator')",
                [self._name],
            )


class Fillable(Protocol):
    """A feed whose disk may be full."""

    def fill(self, *, full: bool) -> None:
        """Let its disk take nothing, or everything again."""


class Trouble:
    """All of it."""

    def __init__(
        self, chance: Random, clock: SteppedClock, feeds: Mapping[str, Fillable], database: Database
    ) -> None:
        self._chance = chance
        self._clock = clock
        self._feeds = feeds
        self._database = database
        self._lasting: dict[str, int] = {}
        """How many steps each kind will still be there."""
        self.count: Counter[str] = Counter()

    def pass_step(self, *, calm: bool) -> None:
        """Begin and end what it is time for; ``calm``: end everything."""
        for kind in [kind for kind, steps in self._lasting.items() if steps <= 0 or calm]:
            del self._lasting[kind]
            self._set(kind, on=False)
        for kind in self._lasting:
            self._lasting[kind] -= 1
        for kind, likely in BEGINS.items():
            if not calm and kind not in self._lasting and self._chance.random() < likely:
                self.count[kind] += 1
                self._lasting[kind] = self._chance.randrange(1, LASTS_MAX)
                self._set(kind, on=True)

    def _set(self, kind: str, *, on: bool) -> None:
        if kind == "clock" and on:
            self._clock.step(self._chance.choice(STEPS_US))
        elif kind == "disk":
            for feed in self._feeds.values():
                feed.fill(full=on)
        elif kind == "away":
            self._database.let_in(yes=not on)
        elif kind == "read-only":
            self._database.be_read_only(yes=on)

    def end(self) -> None:
        """Leave the database as it was."""
        self.pass_step(calm=True)

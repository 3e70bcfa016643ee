"""A persister and an aggregator on real journals and a real Postgres, without their sockets."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import Average, CandleUpdate, Consolidated, Message, Ticker, decode, encode
from procs.aggregator.aggregator import RETRY_US, Aggregator
from procs.aggregator.reading import Question, Reading
from procs.aggregator.selfcheck import CHECK_EVERY_US
from procs.aggregator.snapshot import Loading
from procs.persister.__main__ import open_database
from procs.persister.persister import Persister
from procs.persister.pruning import Limits, Pruning
from store import pool, quarantine
from tests.eventually import eventually
from tests.procs.saying import Said

KEEP_ALL = Limits(100 * 365 * 86_400, quarantine.ROWS_MAX, 100 * 365)


class Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = Instant(1_723_161_255_000_000, 1_000_000)

    def pass_time(self, micros: int) -> Instant:
        """Move on."""
        self.now = Instant(self.now.wall + micros, self.now.mono + micros)
        return self.now


class Persisting:
    """One life of a persister."""

    def __init__(
        self,
        journal_dir: Path,
        dsn: str,
        clock: Clock,
        keep: Limits = KEEP_ALL,
    ) -> None:
        self.health = Health("persister")
        self.clock = clock
        self.dsn = dsn
        self.connections: list[pool.Connection] = []
        self.said = Said()
        self.prunings: list[Pruning] = []
        self._keep = keep
        self.actor = Persister(journal_dir, self._open, self.health, self.said, self._prune)

    def _prune(self) -> Pruning:
        connect = partial(pool.connect, self.dsn, program="pruning")
        self.prunings.append(Pruning(connect, self._keep))
        return self.prunings[-1]

    def _open(self) -> pool.Connection:
        self.connections.append(open_database(self.dsn, "persister", simulated=False))
        return self.connections[-1]

    def take(self, *bodies: bytes) -> None:
        """Hand over batches off the bus."""
        for body in bodies:
            self.actor.on_message("batches", [body], self.clock.now)

    def beat(self, payload: bytes) -> None:
        """Hand over a feed's heartbeat."""
        self.actor.on_message("heartbeats", [b"heartbeat.", payload], self.clock.now)

    def tell(self, payload: bytes) -> None:
        """Hand over a feed's status."""
        self.actor.on_message("status", [b"status.", payload], self.clock.now)

    def live(self, ticks: int = 1, micros: int = 1_000_000) -> list[Send]:
        """Wake and tick so often, each time some time later, reading on while there is more."""
        sends: list[Send] = []
        for _ in range(ticks):
            now = self.clock.pass_time(micros)
            sends += self.actor.on_wake(now)
            while self.actor.busy():
                sends += self.actor.on_wake(now)
                sends += self.actor.on_tick(now)
            sends += self.actor.on_tick(now)
            while self.actor.busy():
                sends += self.actor.on_wake(now)
        return sends

    def die(self) -> None:
        """End without a word: what is not committed is gone."""
        for run in self.prunings:
            run.stop()
            assert run.done.wait(10)
        for connection in self.connections:
            connection.close()


Published = Ticker | CandleUpdate | Average | Consolidated
"""What an aggregator publishes."""


class Aggregating:
    """One life of an aggregator; it remembers what it published last under each topic."""

    def __init__(self, journal_dir: Path, dsn: str, clock: Clock) -> None:
        self.health = Health("aggregator")
        self.clock = clock
        self.loadings: list[Loading] = []
        self.published: list[Published] = []
        self.newest: dict[tuple[str, str, int, int], CandleUpdate] = {}

        self.dsn = dsn
        self.readings: list[Reading] = []
        log = Log("aggregator")
        self.actor = Aggregator(journal_dir, self._load, self._ask, self.health, log)

    def _load(self) -> Loading:
        self.loadings.append(Loading(self.dsn, "aggregator", simulated=False))
        return self.loadings[-1]

    def _ask(self, questions: Mapping[str, Question]) -> Reading:
        self.readings.append(Reading(self.dsn, "aggregator", questions))
        return self.readings[-1]

    def use(self, dsn: str) -> None:
        """Read the next snapshots from there, until one has become the base."""
        self.dsn = dsn
        for _ in range(10):
            assert self.loadings[-1].done.wait(10)
            self.live(1, RETRY_US)
            if self.health.state == "ready":
                return

    def note(self, sends: Iterable[Send]) -> list[Published]:
        """Keep what was published."""
        found = []
        for send in sends:
            message = decode(send.payload)
            assert isinstance(message, Published)
            found.append(message)
            if isinstance(message, CandleUpdate):
                key = (message.exchange, message.symbol, message.interval_s, message.ts_open)
                self.newest[key] = message
        self.published += found
        return found

    def take(self, *bodies: bytes) -> None:
        """Hand over batches off the bus."""
        for body in bodies:
            self.note(self.actor.on_message("batches", [b"batch.", body], self.clock.now))

    def beat(self, payload: bytes) -> None:
        """Hand over a feed's heartbeat."""
        self.actor.on_message("heartbeats", [b"heartbeat.", payload], self.clock.now)

    def tell(self, status: Message) -> None:
        """Hand over a feed's status."""
        self.actor.on_message("status", [b"status.", encode(status)], self.clock.now)

    def live(self, ticks: int = 1, micros: int = 100_000) -> list[Published]:
        """Wake and tick so often, each time some time later, reading on while there is more."""
        found = []
        for _ in range(ticks):
            now = self.clock.pass_time(micros)
            found += self.note(self.actor.on_wake(now))
            while self.actor.busy():
                found += self.note(self.actor.on_wake(now))
            found += self.note(self.actor.on_tick(now))
        return found

    def checked(self) -> list[Published]:
        """Let it look at its candles once; return what it published meanwhile."""
        asked = len(self.readings)
        found = self.live(1, CHECK_EVERY_US)
        assert len(self.readings) == asked + 1
        assert self.readings[-1].done.wait(10)
        return found + self.live(2)

    def end(self) -> None:
        """Wait for its threads."""
        for reading in self.readings:
            reading.enough.set()
        threads: list[Loading | Reading] = [*self.loadings, *self.readings]
        for thread in threads:
            assert thread.done.wait(10)

    def based(self) -> "Aggregating":
        """Wait until its snapshot is read and taken."""
        assert eventually(lambda: self.loadings[-1].done.is_set(), within=10)
        self.live(3)
        return self

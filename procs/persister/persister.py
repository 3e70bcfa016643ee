"""The persister's actor: batches off the bus or out of the journals, in groups, into Postgres.

It never ends because the database is away: it says in its heartbeat what it waits for, lets go of
what the bus brings (the journal has it all) and goes on where the cursor stands. After a commit it
publishes its position, which lets the feed trim, and the closed candles that a late trade changed.
What the feeds say of their symbols is written beside that, after the trades, and only when it has
changed; so are the candles of the time before the trades, which the exchanges themselves publish
and the backfiller is asked for. What is too old is deleted beside that, by a thread.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from bus import topics
from bus.actor import Idle, Instant, Send
from bus.errors import SchemaNewer, SettingError, WrongDatabaseKind
from bus.follow import journals
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import (
    FeedStatus,
    History,
    JournalRecord,
    Stored,
    TradeBatch,
    decode,
    encode,
)
from procs.persister.gathering import Gathering
from procs.persister.history import Histories
from procs.persister.ledger import Ledger
from procs.persister.listings import Listings
from procs.persister.outage import Outage
from procs.persister.pruning import Pruning
from procs.persister.sift import Refused
from store.pool import Connection, is_waitable

RETRY_US = 1_000_000
POSITIONS_EVERY_US = 1_000_000
SEEN_EVERY_US = 10_000_000
"""So often are the feeds told what Postgres has: one whose journal was lost learns it here."""
BESIDE_RETRY_US = 10_000_000
HISTORY_EVERY_US = 1_000_000
LOOK_EVERY_US = 60_000_000
"""So often is looked for missing trades that nothing explains: after two looks they are a gap."""
PRUNE_EVERY_US = 60_000_000


class Persister(Idle):
    """All exchanges' journals into one database.

    Args:
        journal_dir: where the journals are; a new one is found within a second.
        open_database: connects and migrates; may raise what ``is_waitable`` knows.
        health: what the process says of itself.
        log: for life cycle and trouble.
        prune: begins to delete what is too old.
    """

    def __init__(
        self,
        journal_dir: Path,
        open_database: Callable[[], Connection],
        health: Health,
        log: Log,
        prune: Callable[[], Pruning],
    ) -> None:
        self._journal_dir = journal_dir
        self._open_database = open_database
        self._health = health
        self._log = log
        self._prune = prune
        self._pruning: Pruning | None = None
        self._connection: Connection | None = None
        self._outage = Outage(log)
        self._ledgers: dict[str, Ledger] = {}
        self._gathering = Gathering(journal_dir, health.counters, log)
        self._gapless: set[str] = set()
        self._listings = Listings()
        self._listings_at = 0
        self._histories = Histories()
        self._history_at = 0
        self._history_retry_at = 0
        self._retry_at = 0
        self._next_positions = 0
        self._next_seen = 0
        self._next_look = 0
        self._next_prune = 0
        health.state = "waiting: database"

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take a batch, candles, a feed's status, or its heartbeat that says how far it is."""
        if source == "heartbeats":
            self._gathering.heard(frames[1])
            return ()
        if source == "status":
            status = decode(frames[1])
            if isinstance(status, FeedStatus):
                self._listings.take(status)
                if status.gapless:
                    self._gapless.add(status.exchange)
            return ()
        record = decode(frames[0])
        if isinstance(record, History):
            self._histories.take(record)
            return ()
        assert isinstance(record, JournalRecord), f"not for a persister: {type(record).__name__}"
        self._gathering.take(record)
        self._health.queue = self._gathering.queue
        return ()

    def busy(self) -> bool:
        """Return whether there is more to store or to read."""
        return self._connection is not None and self._gathering.busy()

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Store one group, if one is large enough or has waited."""
        return self._store_next(now)

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Store what has waited, come back to a database that was away, find new journals."""
        sends: list[Send] = []
        self._next_prune = self._next_prune or now.mono + PRUNE_EVERY_US
        if self._connection is None and now.mono >= self._retry_at:
            self._connect(now)
        if self._connection is not None:
            self._gathering.ripen()
            sends += self._store_next(now)
            sends += self._by_timer(now)
            if self._connection is not None and not self._gathering.busy():
                self._well(now)
        self._outage.tick(now.mono)
        self._prune_beside(now)
        return sends

    def _by_timer(self, now: Instant) -> list[Send]:
        """Do what is done now and then, each thing only as long as the database is there."""
        sends: list[Send] = []
        if now.mono >= self._next_positions and self._connection is not None:
            self._next_positions = now.mono + POSITIONS_EVERY_US
            self._find_journals(now)
            sends += [self._position(ledger) for ledger in self._ledgers.values()]
            for exchange, ledger in self._ledgers.items():
                self._histories.stored(exchange, ledger.newest)
        if now.mono >= self._next_look and self._connection is not None:
            self._next_look = now.mono + LOOK_EVERY_US
            for exchange in self._gapless & self._ledgers.keys():
                if self._gathering.at_rest(exchange):
                    self._guarded(now, lambda: self._look(exchange))  # noqa: B023
        if now.mono >= self._next_seen and self._connection is not None:
            self._next_seen = now.mono + SEEN_EVERY_US
            sends += [
                Send("out", topics.ids(exchange), encode(ledger.have()))
                for exchange, ledger in self._ledgers.items()
            ]
        if now.mono >= self._listings_at and self._listings.changed():
            self._write_listings(now)
        sends += self._history(now)
        return sends

    def _look(self, exchange: str) -> None:
        ledger = self._ledgers.get(exchange)  # none, once another one's look has lost the database
        found = ledger.open_unexplained() if ledger is not None else ()
        if found:
            self._log.warning("gap.unexplained", exchange=exchange, gaps=len(found))
            self._health.counters["gaps_reopened"] += len(found)

    def _prune_beside(self, now: Instant) -> None:
        """Take what a run has done; begin the next one when it is time."""
        run = self._pruning
        if run is not None and run.done.is_set():
            self._pruning = None
            self._health.counters["pruned"] += run.pruned
            if run.error is not None:
                self._log.warning("prune.failed", reason=run.error)
        if now.mono >= self._next_prune and self._pruning is None and self._connection is not None:
            self._next_prune = now.mono + PRUNE_EVERY_US
            self._pruning = self._prune()

    def _write_listings(self, now: Instant) -> None:
        def write(connection: Connection) -> None:
            self._refused(self._listings.write(connection), "listings")

        done = self._beside(write, "listings.not_written", now)
        if not done and self._connection is not None:
            self._listings_at = now.mono + BESIDE_RETRY_US

    def _history(self, now: Instant) -> list[Send]:
        """Write what came of the exchanges' own candles, ask for more: trades come first."""
        if self._connection is None or self._gathering.behind():
            return []
        sends: list[Send] = []

        def write(connection: Connection) -> None:
            found, refused = self._histories.write(connection)
            self._refused(refused, "history")
            if found is not None:
                topic = topics.history(found.exchange, found.symbol)
                sends.append(Send("out", topic, encode(found)))
                self._health.counters["candles"] += len(found.candles)

        if self._histories.unwritten and now.mono >= self._history_retry_at:
            if not self._beside(write, "history.not_written", now):
                self._history_retry_at = now.mono + BESIDE_RETRY_US
        elif now.mono < self._history_at:
            return []
        self._history_at = now.mono + HISTORY_EVERY_US
        listed = self._listings.listed()
        wanted = self._histories.due(listed, now.wall, now.mono)
        return sends + [Send("backfiller", b"", encode(one)) for one in wanted]

    def _beside(self, write: Callable[[Connection], object], event: str, now: Instant) -> bool:
        """Write something beside the trades; return whether the database took it.

        What only its table has against it is no reason to let go of the database.
        """
        connection = self._connection
        if connection is None:
            return False
        try:
            write(connection)
        except psycopg.Error as error:
            if connection.closed:
                self._lost(error, now)
            elif not is_waitable(error):
                raise
            else:
                self._log.warning(event, reason=" ".join(str(error).split())[:200])
            return False
        return True

    def _store_next(self, now: Instant) -> list[Send]:
        """Store one group: a heartbeat waits for no more than that, however slow the database."""
        sends: list[Send] = []
        group = self._gathering.next() if self._connection is not None else None
        if group is not None:
            self._guarded(now, lambda: sends.extend(self._store(*group, now)))
        self._health.queue = self._gathering.queue
        return sends

    def _store(self, exchange: str, records: list[JournalRecord], now: Instant) -> list[Send]:
        ledger = self._ledgers[exchange]
        outcome = ledger.store(records)
        self._well(now)
        self._refused(outcome.refused, exchange)
        counters = self._health.counters
        counters["stored"] += outcome.stored
        counters["duplicates"] += outcome.duplicates
        counters["transactions"] += 1
        self._health.positions[exchange] = (ledger.epoch, ledger.seq)
        newest = max(
            (
                record.trades[-1].ts_recv
                for record in records
                if isinstance(record, TradeBatch) and record.trades
            ),
            default=None,
        )
        if newest is not None:
            self._health.lag_us = now.wall - newest
        sends = [self._position(ledger)]
        for update in outcome.corrected:
            topic = topics.corrected(update.interval_s, update.exchange, update.symbol)
            sends.append(Send("out", topic, encode(update)))
        return sends

    def _refused(self, refused: Sequence[Refused[object]], source: str) -> None:
        """Say once of each transaction what it could not store."""
        if refused:
            self._health.counters["poisonous"] += len(refused)
            what, reason = repr(refused[0].row)[:200], refused[0].reason
            self._log.error(
                "trade.poison", source=source, count=len(refused), what=what, reason=reason
            )

    def _position(self, ledger: Ledger) -> Send:
        stored = Stored(ledger.exchange, ledger.epoch, ledger.seq)
        return Send("out", topics.stored(ledger.exchange), encode(stored))

    # ---- the database comes and goes

    def _database(self) -> Connection:
        assert self._connection is not None
        return self._connection

    def _connect(self, now: Instant) -> None:
        try:
            self._connection = self._open_database()
        except (SchemaNewer, WrongDatabaseKind) as error:
            raise SettingError("DATABASE_URL", str(error), "point it at another database") from None
        except psycopg.Error as error:  # whatever it is, an operator can mend it there
            self._lost(error, now)
            return
        self._guarded(now, lambda: self._histories.read(self._database()))
        self._find_journals(now)

    def _well(self, now: Instant) -> None:
        """Believe that the database is there: something was stored, or nothing waits to be."""
        if self._health.state != "ready":
            self._outage.over(now.mono)
            self._health.state = "ready"
            self._health.last_error = None

    def _find_journals(self, now: Instant) -> None:
        for exchange in journals(self._journal_dir):
            if exchange not in self._ledgers:
                self._guarded(now, lambda: self._open_ledger(exchange))  # noqa: B023

    def _open_ledger(self, exchange: str) -> None:
        ledger = Ledger(self._database(), exchange)
        self._gathering.follow(exchange, ledger.epoch, ledger.seq)
        self._ledgers[exchange] = ledger
        self._histories.begin(exchange, ledger.newest)
        self._health.positions[exchange] = (ledger.epoch, ledger.seq)

    def _guarded(self, now: Instant, work: Callable[[], object]) -> None:
        """Do ``work``; if the database is away, let go of everything but the cursor."""
        if self._connection is None:
            return
        try:
            work()
        except psycopg.Error as error:
            if not is_waitable(error):
                raise
            self._lost(error, now)

    def _lost(self, error: psycopg.Error, now: Instant) -> None:
        reason = " ".join(str(error).split())[:200]
        self._outage.failed(reason, now.mono)
        self._health.state = "waiting: database"
        self._health.last_error = reason
        self._health.counters["database_lost"] += 1
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._ledgers.clear()
        self._listings.forget()
        self._histories.forget()
        self._gathering.let_go()
        self._health.queue = 0
        self._retry_at = now.mono + RETRY_US

    def on_drain(self, now: Instant) -> Sequence[Send]:
        """Store what is at hand, then close."""
        sends: list[Send] = []
        self._gathering.ripen()
        for _ in self._ledgers:
            sends += self._store_next(now)
        if self._pruning is not None:
            self._pruning.stop()
        if self._connection is not None:
            self._connection.close()
        return sends

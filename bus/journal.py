"""The journal: the record of one exchange, in SQLite. One writer, the feed, whose side this is.

What goes in is the bytes of a journal record (``bus.messages.JournalRecord``); ``journal_reader``
gives the same bytes back with their position. ``append`` returns after fsync (WAL,
``synchronous=FULL``): what was appended survives a power cut. The id intervals per symbol stand in
the same file and change in the same commit, so that what the feed believes to have seen is exactly
what it has recorded.

Records are trimmed when they are stored in Postgres *and* old. At the size cap the oldest go, after
their ids were journalled as a gap. When the disk is full, ``append`` raises ``JournalFull`` and
nothing is half-written; a reserve file gives back the room that even deleting needs. A failed fsync
is not tried again: the process exits and recovers.

The seam for several machines: ``append``, ``read``, ``first_seq`` are all that other journals must
offer.
"""

import os
import secrets
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bus.errors import JournalDamaged, JournalFull
from bus.journal_reader import Record, records

TRIM_PAGE = 512
"""Records trimmed in one transaction, so that neither a reader nor the feed waits long."""
FULL_PAGE = 64
"""The same on a full disk, where even deleting needs room for the log."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS seen (
    symbol TEXT NOT NULL, series INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    PRIMARY KEY (symbol, series, low)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS symbol_seq (symbol TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""

_TABLES = _SCHEMA.count("CREATE TABLE")

SeenChanges = Mapping[tuple[str, int], Mapping[int, int | None]]
"""For each (symbol, series): the new high of each touched low, None where that interval is gone."""


def path_of(folder: Path, exchange: str) -> Path:
    """Return where the journal of an exchange rests."""
    return folder / f"{exchange}.db"


class JournalWriter:
    """The feed's side. The caller holds the feed's lock.

    Args:
        path: the file; its folder exists.
        cap_bytes: size of the file that is not passed for long.
        reserve_bytes: size of the reserve file beside it.

    Raises:
        JournalFull: the disk has no room even to open it, the reserve given back.
        JournalDamaged: the file cannot be read.
    """

    def __init__(self, path: Path, *, cap_bytes: int, reserve_bytes: int) -> None:
        self.path = path
        self._cap_bytes = cap_bytes
        self._reserve = path.with_suffix(".reserve")
        self._reserve_bytes = reserve_bytes
        try:
            self._open()
        except JournalFull:
            if not self.release_reserve():
                raise
            self._open()
        self.epoch = int(self._meta("epoch"))
        self.born_s = int(self._meta("born"))
        """When the file was made, seconds since 1970 of this machine's clock."""
        # The highest position ever given is kept apart: trimming may empty the table.
        self.last_seq = max(self._newest or 0, self._meta("last_seq"))
        self.refill_reserve()

    def _open(self) -> None:
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=5.0)
        try:
            with self._full_has_a_name():
                made = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                if not made:
                    # Before the first table: freed pages can then be given back.
                    self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
                    self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                if made < _TABLES:
                    self._db.executescript(_SCHEMA)
                if not self._meta("epoch"):
                    epoch = secrets.randbits(53) | 1
                    self._db.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
                if not self._meta("born"):
                    born_s = max(1, int(time.time()))  # a clock that was never set begins at 0
                    self._db.execute("INSERT INTO meta VALUES ('born', ?)", (born_s,))
                # All that is read at the start is read here, where damage has a name.
                self._newest = self._db.execute("SELECT max(seq) FROM record").fetchone()[0]
                self.seen()
                self.symbol_seqs()
        except (JournalFull, sqlite3.OperationalError):
            self._db.close()
            raise
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise JournalDamaged(f"{self.path.name}: {error}") from error

    def _meta(self, key: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def seen(self) -> dict[tuple[str, int], list[tuple[int, int]]]:
        """Return the id intervals of each (symbol, series).

        Those of ``~series``, a number below 0, are ids that nobody asks for any more.
        """
        found: dict[tuple[str, int], list[tuple[int, int]]] = {}
        rows = self._db.execute("SELECT symbol, series, low, high FROM seen ORDER BY 1, 2, 3")
        for symbol, series, low, high in rows:
            found.setdefault((symbol, series), []).append((low, high))
        return found

    def symbol_seqs(self) -> dict[str, int]:
        """Return for each symbol the position of the last batch that has it."""
        return dict(self._db.execute("SELECT symbol, seq FROM symbol_seq"))

    def append(
        self,
        bodies: Iterable[bytes],
        ts: int,
        seen: SeenChanges | None = None,
        symbol_seqs: Mapping[str, int] | None = None,
    ) -> int:
        """Commit records after ``last_seq``, with what they change; return the last position.

        Raises:
            JournalFull: the disk has no room; nothing was written.
            sqlite3.Error: anything else, after which the process must end and recover.
        """
        seq = self.last_seq
        with self._transaction():
            for body in bodies:
                seq += 1
                self._db.execute(
                    "INSERT INTO record VALUES (?, ?, ?, ?)", (seq, ts, zlib.crc32(body), body)
                )
            self._save_seen(seen or {})
            if symbol_seqs:
                self._db.executemany(
                    "INSERT OR REPLACE INTO symbol_seq VALUES (?, ?)", symbol_seqs.items()
                )
        self.last_seq = seq
        return seq

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; a full disk is ``JournalFull``."""
        with self._full_has_a_name():
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _full_has_a_name(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            raise JournalFull(f"no room in {self.path.name}") from error

    def _save_seen(self, seen: SeenChanges) -> None:
        for (symbol, series), touched in seen.items():
            for low, high in touched.items():
                if high is None:
                    self._db.execute(
                        "DELETE FROM seen WHERE symbol = ? AND series = ? AND low = ?",
                        (symbol, series, low),
                    )
                else:
                    self._db.execute(
                        "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)",
                        (symbol, series, low, high),
                    )

    def trim(self, stored_seq: int, written_before: int, limit: int = TRIM_PAGE) -> int:
        """Delete the oldest records up to ``stored_seq`` written before then; return how many.

        ``last_seq`` is saved with it, so that an emptied journal goes on counting where it was.
        At most ``limit`` records go at a time, so that nobody waits long.

        Raises:
            JournalFull: on a full disk even deleting can be refused.
        """
        oldest = self._db.execute("SELECT ts FROM record ORDER BY seq LIMIT 1").fetchone()
        if oldest is None or oldest[0] >= written_before:
            return 0  # the usual case, and cheap
        last = self._db.execute(
            "SELECT max(seq) FROM (SELECT seq, ts FROM record WHERE seq <= ?"
            " ORDER BY seq LIMIT ?) WHERE ts < ?",
            (stored_seq, limit, written_before),
        ).fetchone()[0]
        if last is None:
            return 0
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('last_seq', ?)", (self.last_seq,))
            gone = self._db.execute("DELETE FROM record WHERE seq <= ?", (last,)).rowcount
        with self._full_has_a_name():
            self._db.execute("PRAGMA incremental_vacuum(256)").fetchall()
        return gone

    def stored_seq(self) -> int:
        """Return the position up to which all was stored, as last noted."""
        return self._meta("stored_seq")

    def note_stored(self, seq: int) -> None:
        """Keep for the next start how far the records are stored in Postgres.

        Raises:
            JournalFull: it is not kept.
        """
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('stored_seq', ?)", (seq,))

    def over_cap(self, share: float = 1.0) -> bool:
        """Return whether the records take more room than the cap, or than a share of it."""
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        size = self._db.execute("PRAGMA page_size").fetchone()[0]
        return int((pages - free) * size) > self._cap_bytes * share

    def oldest(self) -> list[Record]:
        """Return the oldest page of records: what goes next at the cap."""
        return list(records(self._db, self.path, 0, TRIM_PAGE, verify=False))

    def drop(self, up_to_seq: int, limit: int = TRIM_PAGE) -> int:
        """Delete one page of the oldest records up to ``up_to_seq``; return how many.

        Raises:
            JournalFull: on a full disk even deleting can be refused.
        """
        return self.trim(up_to_seq, 1 << 62, limit)

    def release_reserve(self) -> bool:
        """Give the reserve back to the full disk, shrink the log; return whether there was one.

        Raises:
            JournalFull: others were quicker to take the room.
        """
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        try:
            with self._full_has_a_name():
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.ProgrammingError:
            pass  # not open yet: opening writes the log back
        return True

    def refill_reserve(self) -> bool:
        """Lay the reserve aside again; return False while the disk has no room for it."""
        try:
            if self._reserve.stat().st_size >= self._reserve_bytes:
                return True
        except FileNotFoundError:
            pass  # it was given back
        disk = os.statvfs(self.path.parent)
        # With less it would take the last room of others and give it back, again and again.
        if disk.f_bavail * disk.f_frsize < 2 * self._reserve_bytes:
            return False
        try:
            fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                block = bytes(1 << 20)
                for _ in range(self._reserve_bytes >> 20):
                    os.write(fd, block)
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def close(self) -> None:
        """Write the log back into the file and close it."""
        self._db.close()


def set_aside(path: Path) -> Path:
    """Move a damaged journal out of the way, for the operator; return where it is now."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return path.rename(aside)

"""The journal as its consumers read it: any number of them, while the feed writes.

Comes in: the file that ``bus.journal`` writes, and a position. Goes out: the records after it, with
their checksums verified, in short transactions that hold up nobody. Nothing here ever writes.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bus.errors import JournalCorrupt, JournalDamaged


class Record(NamedTuple):
    """One record as it rests: its position, when it was written (µs UTC), its bytes."""

    seq: int
    ts: int
    body: bytes


class JournalReader:
    """A consumer's side: reads from its own position, in short transactions that hold up nobody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._inode = 0

    def _open(self) -> sqlite3.Connection | None:
        """Return the open file; a file that was replaced by another is opened anew."""
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            self.close()
            return None
        if self._db is None or inode != self._inode:
            self.close()
            self._db = sqlite3.connect(
                f"file:{self.path}?mode=ro", uri=True, isolation_level=None, timeout=5.0
            )
            self._inode = inode
        return self._db

    def position(self) -> tuple[int, int, int] | None:
        """Return (epoch, first seq, last seq); None while there is no journal.

        An empty journal has ``first seq == last seq + 1``.
        """
        db = self._open()
        if db is None:
            return None
        try:
            # Each in a question of its own: for both at once SQLite reads the whole table.
            row = db.execute(
                "SELECT (SELECT value FROM meta WHERE key = 'epoch'),"
                " (SELECT value FROM meta WHERE key = 'last_seq'),"
                " (SELECT min(seq) FROM record), (SELECT max(seq) FROM record)"
            ).fetchone()
        except sqlite3.OperationalError:
            return None  # the writer has not made its tables yet
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(f"{self.path.name}: {error}") from error
        epoch, trimmed, first, last = row
        if epoch is None:
            return None
        if last is None:
            return int(epoch), (trimmed or 0) + 1, trimmed or 0
        return int(epoch), int(first), int(last)

    def read(self, after_seq: int, limit: int = 512, bytes_max: int = 1 << 62) -> list[Record]:
        """Return the records after ``after_seq``, in order, as long as they are within limits.

        Raises:
            JournalCorrupt: a record's bytes are not those that were written.
            JournalDamaged: the file cannot be read.
        """
        db = self._open()
        if db is None:
            return []
        found: list[Record] = []
        size = 0
        try:
            for record in records(db, self.path, after_seq, limit, verify=True):
                found.append(record)
                size += len(record.body)
                if size >= bytes_max:
                    break
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(f"{self.path.name}: {error}") from error
        return found

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


def records(
    db: sqlite3.Connection, path: Path, after_seq: int, limit: int, *, verify: bool
) -> Iterator[Record]:
    """Yield the records after ``after_seq``, in order, at most ``limit``.

    Raises:
        JournalCorrupt: with ``verify``, a record's bytes are not those that were written.
    """
    rows = db.execute(
        "SELECT seq, ts, crc, body FROM record WHERE seq > ? ORDER BY seq LIMIT ?",
        (after_seq, limit),
    )
    for seq, ts, crc, body in rows:
        if verify and zlib.crc32(body) != crc:
            raise JournalCorrupt(str(path), seq)
        yield Record(seq, ts, body)

"""Following a journal: the bus as the fast path, the journal for what the bus did not bring.

A message on the bus is a hint with a payload. If its ``seq`` is the next one, the payload is used;
else, or when a heartbeat says that the journal is ahead, the records are read from the journal. So
publishers may drop, queues may be full and a consumer may have been dead for an hour: each record
is taken exactly once and in order. Records go in, records come out; positions are the caller's to
keep. A record whose bytes are spoilt is passed over; at one that is whole but unknown here, a newer
tickwire's, the way ends until somebody who knows it goes on: it may have trades.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bus.errors import JournalCorrupt, JournalDamaged
from bus.journal import path_of
from bus.journal_reader import JournalReader
from bus.log import Log
from bus.messages import Heartbeat, JournalRecord, TradeBatch, decode, decode_record

READ_MAX = 512
"""Records that are read in one go, so that a long way to catch up does not stop the loop."""
READ_BYTES_MAX = 256 << 10
"""Bytes of them: some four thousand trades."""


class Follower:
    """One consumer's way through one exchange's journal.

    ``epoch`` and ``seq`` are the position of the last record that was handed out. Every record
    comes out of ``take`` or ``read`` once, unless ``reset`` moves the position.
    """

    def __init__(self, folder: Path, exchange: str, counters: Counter[str], log: Log) -> None:
        self.exchange = exchange
        self.epoch = 0
        self.seq = 0
        self.behind = True
        """True while there may be records to ``read``."""
        self.skipped = False
        """True once records were gone from the journal unread, until ``reset``."""
        self._announced = (0, 0)
        self._said = ""
        self._reader = JournalReader(path_of(folder, exchange))
        self._counters = counters
        self._log = log

    def reset(self, epoch: int, seq: int) -> None:
        """Go on after this position, from the journal."""
        self.epoch, self.seq, self.behind, self.skipped = epoch, seq, True, False

    def heard(self, epoch: int, last_seq: int) -> None:
        """A heartbeat says where the journal ends.

        It may have overtaken batches that still wait in a socket: only who has not come as far as
        the heartbeat *before* said is behind.
        """
        before, self._announced = self._announced, (epoch, last_seq)
        if epoch != self.epoch or (before[0] == epoch and before[1] > self.seq):
            self.behind = True

    def take(self, record: JournalRecord) -> bool:
        """Return whether this record off the bus is the next; if not, ``read`` will have it."""
        if record.seq is None:
            return False
        if record.epoch != self.epoch or record.seq > self.seq + 1:
            self.behind = True
            return False
        if self.behind or record.seq <= self.seq:
            return False
        self.seq = record.seq
        self._count("from_socket", record)
        return True

    def read(self, limit: int = READ_MAX) -> list[JournalRecord]:
        """Return the next records from the journal, none when there are none."""
        if not self.behind:
            return []
        try:
            return self._read(limit)
        except JournalDamaged as damaged:
            self._counters["journal_damaged"] += 1
            if str(damaged) != self._said:
                self._said = str(damaged)
                self._log.error("journal.damaged", exchange=self.exchange, reason=self._said)
            self.behind = False  # tried again at the next heartbeat; other exchanges go on
            return []

    def _read(self, limit: int) -> list[JournalRecord]:
        position = self._reader.position()
        if position is None:
            self.behind = False  # a heartbeat will tell when there is one
            return []
        epoch, first, last = position
        if epoch != self.epoch:
            if self.epoch:
                self._log.warning("journal.new_epoch", exchange=self.exchange)
            self.epoch, self.seq = epoch, first - 1
        elif last < self.seq:
            # An older copy of the file was put back: its positions are given out a second time.
            self._log.error("journal.went_back", exchange=self.exchange, after=self.seq, last=last)
            self.seq = first - 1
        elif first > self.seq + 1:
            self._log.error("journal.trimmed", exchange=self.exchange, after=self.seq, first=first)
            self.skipped = True
            self.seq = first - 1
        records = self._next(limit)
        for record in records:
            self._count("from_journal", record)
        self.behind = self.seq < last
        return records

    def _next(self, limit: int) -> list[JournalRecord]:
        try:
            found = self._reader.read(self.seq, limit, READ_BYTES_MAX)
        except JournalCorrupt as error:
            if error.seq > self.seq + 1:
                found = self._reader.read(self.seq, error.seq - self.seq - 1)
            else:
                self._log.error("journal.corrupt", exchange=self.exchange, seq=error.seq)
                self._counters["corrupt_records"] += 1
                self.seq = error.seq
                return []
        if not found:
            return []
        if found[0].seq > self.seq + 1:  # trimmed between the two questions
            self.skipped = True
            self.seq = found[0].seq - 1
        records: list[JournalRecord] = []
        for record in found:
            try:
                records.append(decode_record(record.body))
            except msgspec.DecodeError as error:
                if records:
                    break  # it comes first the next time
                told = f"record {record.seq} is of another tickwire: {error}"
                raise JournalDamaged(f"{self._reader.path.name}: {told}") from error
            self.seq = record.seq
        return records

    def _count(self, source: str, record: JournalRecord) -> None:
        if isinstance(record, TradeBatch):
            self._counters[source] += len(record.trades)

    def close(self) -> None:
        """Close the journal."""
        self._reader.close()


def tell(followers: Mapping[str, Follower], payload: bytes) -> None:
    """Let followers know where a feed's heartbeat says that their journals end."""
    beat = decode(payload)
    if isinstance(beat, Heartbeat):
        for exchange, (epoch, last_seq) in beat.positions.items():
            if exchange in followers:
                followers[exchange].heard(epoch, last_seq)


def journals(folder: Path) -> list[str]:
    """Return the exchanges that have a journal in ``folder``."""
    return sorted(path.stem for path in folder.glob("*.db"))

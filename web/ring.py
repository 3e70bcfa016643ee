"""The newest journal records of one exchange, as they came from the bus, for clients that resume.

In go raw payloads, 0.2 µs each: nothing is decoded until a client needs it. Out come the batches
after a position, or None, which means: not all of them are here. Never says "all" of a range with
a hole in it; a record that cannot be decoded is one.
"""

from collections import deque
from itertools import islice

import msgspec

from bus.messages import JournalRecord, TradeBatch, decode_record

RECORDS_MAX = 20_000
BYTES_MAX = 16 << 20
_UNSTORED_MAX = 200
"""Newest records without a seq (the journal could not store them, or they cannot be decoded) that
are looked past at most."""


class Ring:
    """The records of one exchange, oldest dropped first.

    Args:
        records_max: how many are kept at most.
        bytes_max: and how many bytes.
    """

    def __init__(self, records_max: int = RECORDS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._payloads: deque[bytes] = deque()
        self._bytes = 0
        self._records_max = records_max
        self._bytes_max = bytes_max

    def __len__(self) -> int:
        return len(self._payloads)

    def add(self, payload: bytes) -> None:
        """Take the next record."""
        self._payloads.append(payload)
        self._bytes += len(payload)
        while self._bytes > self._bytes_max or len(self._payloads) > self._records_max:
            self._bytes -= len(self._payloads.popleft())

    def position(self) -> tuple[int, int] | None:
        """Return the (epoch, seq) of the newest record that has a seq; None when none is near."""
        for payload in islice(reversed(self._payloads), _UNSTORED_MAX + 1):
            record = _read(payload)
            if record is not None and record.seq is not None:
                return record.epoch, record.seq
        return None

    def missing(self, epoch: int, seq: int) -> int | None:
        """Return how many records came after a position; None when they cannot all be here."""
        newest = _read(self._payloads[-1]) if self._payloads else None
        if newest is None or newest.epoch != epoch or newest.seq is None:
            return None
        count = newest.seq - seq
        return count if 0 <= count <= len(self._payloads) else None

    def since(self, epoch: int, seq: int) -> list[JournalRecord] | None:
        """Return all records after a position, in order; None when they are not all here.

        Each is decoded, 45 µs: ask ``missing`` first how many there are.
        """
        missing = self.missing(epoch, seq)
        if missing is None:
            return None
        tail = islice(self._payloads, len(self._payloads) - missing, None)
        records: list[JournalRecord] = []
        for payload in tail:
            record = _read(payload)
            if record is None or (record.epoch, record.seq) != (epoch, seq + 1 + len(records)):
                return None
            records.append(record)
        return records

    def recent(
        self, symbols: set[str], count: int, records_max: int
    ) -> list[tuple[TradeBatch, int]]:
        """Return the newest trades of some symbols, oldest first, as (batch, place in it).

        Args:
            symbols: whose.
            count: how many at most.
            records_max: how many records are looked into at most.
        """
        found: list[tuple[TradeBatch, int]] = []
        for payload in islice(reversed(self._payloads), records_max):
            record = _read(payload)
            if isinstance(record, TradeBatch):
                for index in range(len(record.trades) - 1, -1, -1):
                    if record.trades[index].symbol in symbols:
                        found.append((record, index))
            if len(found) >= count:
                break
        return found[count - 1 :: -1] if len(found) >= count else found[::-1]


def _read(payload: bytes) -> JournalRecord | None:
    try:
        return decode_record(payload)
    except (ValueError, msgspec.MsgspecError):
        return None

"""The buckets of all clients: one table of fixed size, in a file that the web processes share.

In come keys, as text, and a moment; out go verdicts. A key is known by a 64-bit hash, keyed by a
secret of the file, so that nobody can choose whom to sit beside. Its hash names a set of eight
places, and any of them is its own; a place whose bucket is full is as good as a free one, and where
there is none the key takes the place of the bucket that is closest to full. So a million clients
need no more memory than one, and who asks most is forgotten last.

No message is exchanged. Who takes a token has its set of places locked for the microseconds of it,
so that no token is taken twice; the lock ends with the process that holds it, and is waited for a
millisecond at most: beside a process that was stopped there, tokens are taken without. Time is that
of the machine's monotonic clock, the same in all processes; a table that is found after the machine
was started anew is empty by itself (``web.rate.Rate.take``).
"""

import hashlib
import mmap
import os
import secrets
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock, lockf
from functools import lru_cache
from pathlib import Path
from struct import Struct

from web.rate import PERIOD_NS, Rate, Verdict

WAYS = 8
SETS = 1 << 17
"""Of eight buckets each: 1,048,576 buckets in 16 MiB."""
NAME = "rates"
_HEAD_BYTES = 4096
_SECRET_BYTES = 16
_HASHES_KEPT = 4096
_SHAPE = Struct("<16sIII").pack(b"tickwire.rates", 1, WAYS, SETS)
"""What a file of this version begins with. The secret is next, then zeros up to ``_HEAD_BYTES``."""
_set = Struct(f"={WAYS}Q{WAYS}q")
_hash, _moment = Struct("=Q"), Struct("=q")
SIZE = _HEAD_BYTES + SETS * _set.size
_TRIES = 500
"""To lock a set: about a millisecond of them, many times as long as anybody has it locked."""
_AT_ONCE = 20
"""Of them one after the other: who has it is done by then, or has been interrupted."""


class Table:
    """Buckets by key.

    Args:
        memory: ``SIZE`` bytes, shared or not.
        secret: what the hashes are keyed by.
        file: the descriptor of the file that the memory is, which becomes the table's own; None
            where no other process has it.
    """

    def __init__(self, memory: mmap.mmap, secret: bytes, file: int | None = None) -> None:
        self._memory = memory
        self._secret = secret
        self._file = file
        self._hashed = lru_cache(maxsize=_HASHES_KEPT)(self._hashed_anew)

    def take(self, rate: Rate, key: str, now: int) -> Verdict:
        """Take a token of the bucket of ``key`` at ``now``, ns of the monotonic clock."""
        hashed = self._hashed(key)
        offset = _HEAD_BYTES + hashed % SETS * _set.size
        if self._file is None or not _locked(self._file, offset):
            return self._take(rate, hashed, offset, now)
        try:
            return self._take(rate, hashed, offset, now)
        finally:
            lockf(self._file, LOCK_UN, _set.size, offset)

    def _take(self, rate: Rate, hashed: int, offset: int, now: int) -> Verdict:
        found = _set.unpack_from(self._memory, offset)
        known = hashed in found[:WAYS]
        way = found.index(hashed) if known else _least(found[WAYS:], now)
        verdict = rate.take(found[WAYS + way] if known else 0, now)
        if not verdict.wait_ns:
            _hash.pack_into(self._memory, offset + 8 * way, hashed)
            _moment.pack_into(self._memory, offset + 8 * (WAYS + way), verdict.full_at)
        return verdict

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        if self._file is not None:
            os.close(self._file)

    def _hashed_anew(self, key: str) -> int:
        digest = hashlib.blake2b(
            key.encode(errors="surrogatepass"), key=self._secret, digest_size=8
        ).digest()
        return int.from_bytes(digest, "little")


def _locked(file: int, offset: int) -> bool:
    """Lock a set of places against the other processes; False where one has it for very long."""
    for tried in range(_TRIES):
        try:
            lockf(file, LOCK_EX | LOCK_NB, _set.size, offset)
        except OSError:
            if tried >= _AT_ONCE:
                os.sched_yield()
        else:
            return True
    return False


def _least(moments: tuple[int, ...], now: int) -> int:
    """Return which bucket is full soonest; one of another clock is full already."""
    ahead = [each - now if each - now <= PERIOD_NS else 0 for each in moments]
    return ahead.index(min(ahead))


def _table(file: int, secret: bytes) -> Table:
    return Table(mmap.mmap(file, SIZE), secret, os.dup(file))


def private() -> Table:
    """Return an empty table in memory that no other process has."""
    return Table(mmap.mmap(-1, SIZE), secrets.token_bytes(_SECRET_BYTES))


def shared(folder: Path) -> Table:
    """Return the table of a folder, which is made when there is none, or none of this version.

    Several processes may do so at once: they get the same.

    Raises:
        OSError: there is no room for it, or it cannot be written.
    """
    with (folder / f"{NAME}.lock").open("ab") as lock:
        flock(lock, LOCK_EX)  # for as long as it takes to write 16 MiB
        return _opened(folder / NAME) or _made(folder / NAME)


def _opened(path: Path) -> Table | None:
    """Return the table in a file; None where there is no file, or one of another shape."""
    try:
        with path.open("r+b") as file:
            head = file.read(len(_SHAPE) + _SECRET_BYTES)
            if os.fstat(file.fileno()).st_size != SIZE or not head.startswith(_SHAPE):
                return None
            return _table(file.fileno(), head[len(_SHAPE) :])
    except FileNotFoundError:
        return None


def _made(path: Path) -> Table:
    """Return the empty table in a new file, which takes the place of whatever was there."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    new = path.with_suffix(".new")
    try:
        with open(os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as file:
            # Every byte is written: writing into a hole of a file, through its memory, kills the
            # process when the disk is full.
            file.write((_SHAPE + secret).ljust(_HEAD_BYTES, b"\0"))
            for _ in range(SETS * _set.size >> 20):
                file.write(bytes(1 << 20))
            file.flush()
            table = _table(file.fileno(), secret)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return table

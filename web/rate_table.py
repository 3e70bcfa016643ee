"""The buckets of all clients: one table of fixed size, in a file that the web processes share.

In come keys, as text, and a moment; out go verdicts. A key is known by a 64-bit hash, keyed by a
secret of the file, so that nobody can choose whom to sit beside. Its hash names a set of eight
places, and any of them is its own; a place whose bucket is full is as good as a free one, and where
there is none the key takes the place of the bucket that is closest to full. So a million clients
need no more memory than one, and who asks most is forgotten last.

Nothing is locked and no message is exchanged: two processes that take a token of one bucket in the
same microsecond take one between them, which is what "within 10 %" means. A place that is read half
written is wrong for a minute at most. Time is that of the machine's monotonic clock, the same in
all processes; a table that is found after the machine was started anew is empty by itself
(``web.rate.Rate.take``).
"""

import fcntl
import hashlib
import mmap
import os
import secrets
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


class Table:
    """Buckets by key.

    Args:
        memory: ``SIZE`` bytes, shared or not.
        secret: what the hashes are keyed by.
    """

    def __init__(self, memory: mmap.mmap, secret: bytes) -> None:
        self._memory = memory
        self._secret = secret
        self._hashed = lru_cache(maxsize=_HASHES_KEPT)(self._hashed_anew)

    def take(self, rate: Rate, key: str, now: int) -> Verdict:
        """Take a token of the bucket of ``key`` at ``now``, ns of the monotonic clock."""
        memory, hashed = self._memory, self._hashed(key)
        offset = _HEAD_BYTES + hashed % SETS * _set.size
        found = _set.unpack_from(memory, offset)
        known = hashed in found[:WAYS]
        way = found.index(hashed) if known else _least(found[WAYS:], now)
        full_at = found[WAYS + way]
        place = offset + 8 * (WAYS + way)
        while True:
            verdict = rate.take(full_at if known else 0, now)
            if verdict.wait_ns:
                return verdict
            if not known:
                _hash.pack_into(memory, offset + 8 * way, hashed)
            # Another process may have taken one meanwhile: this leaves it a tenth of the time.
            (newer,) = _moment.unpack_from(memory, place)
            if newer == full_at:
                _moment.pack_into(memory, place, verdict.full_at)
                return verdict
            known, full_at = True, newer

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()

    def _hashed_anew(self, key: str) -> int:
        digest = hashlib.blake2b(
            key.encode(errors="surrogatepass"), key=self._secret, digest_size=8
        ).digest()
        return int.from_bytes(digest, "little")


def _least(moments: tuple[int, ...], now: int) -> int:
    """Return which bucket is full soonest; one of another clock is full already."""
    ahead = [each - now if each - now <= PERIOD_NS else 0 for each in moments]
    return ahead.index(min(ahead))


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
        fcntl.flock(lock, fcntl.LOCK_EX)  # for as long as it takes to write 16 MiB
        return _opened(folder / NAME) or _made(folder / NAME)


def _opened(path: Path) -> Table | None:
    """Return the table in a file; None where there is no file, or one of another shape."""
    try:
        with path.open("r+b") as file:
            head = file.read(len(_SHAPE) + _SECRET_BYTES)
            if os.fstat(file.fileno()).st_size != SIZE or not head.startswith(_SHAPE):
                return None
            return Table(mmap.mmap(file.fileno(), SIZE), head[len(_SHAPE) :])
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
            table = Table(mmap.mmap(file.fileno(), SIZE), secret)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return table

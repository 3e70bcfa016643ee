"""How many connections each web process holds, which all of them see without a message.

Each slot that serves owns one memory-mapped file in the run folder, ``web-<slot>.connections``:
it alone writes, the others read. A slot makes its file anew when it starts and holds an flock on it
while it lives, so what a killed process has left behind counts no more. In come addresses and
numbers of connections; out go sums over the configured slots. Nothing here waits for anybody.

The file, in the machine's byte order: the magic ``TWCONN1`` and a NUL, when the slot was last alive
(int64, µs of the machine's monotonic clock), how many connections of any kind it holds (uint32),
whether it takes more (uint32), 8 bytes of nothing, then two rows of 131,072 uint32. In each row an
address counts where its hash says, and its count is the smaller one of the two: never too small;
with 20,000 addresses in a slot, for one in fifty of the others one too large. The hash is keyed by
``connections.key``, 16 bytes in the same folder, so that nobody can aim at a stranger's count.
(G. Cormode, S. Muthukrishnan: An improved data stream summary: the count-min sketch, 2005.)
"""

import fcntl
import mmap
import os
import secrets
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Self

ALIVE_WITHIN_US = 1_000_000
"""A slot that has not reported for longer hangs, or is dead."""
_MAGIC = b"TWCONN1\0"
_HEADER_BYTES = 32
_COLUMNS = 1 << 17
_SIZE = _HEADER_BYTES + 2 * 4 * _COLUMNS
_KEY_BYTES = 16
Columns = tuple[int, int]
"""Where an address counts: one place in each row."""


class _Slot:
    """One slot's file, as this process has it in memory."""

    def __init__(self, memory: mmap.mmap, descriptor: int, inode: int) -> None:
        self.inode = inode
        # Each number is written at once: who reads meanwhile finds the old one or the new one.
        self.alive = memoryview(memory)[8:16].cast("q")
        self.holds = memoryview(memory)[16:24].cast("I")
        self.counts = memoryview(memory)[_HEADER_BYTES:].cast("I")
        self._memory = memory
        self._descriptor = descriptor

    @classmethod
    def own(cls, path: Path) -> Self:
        """Make the file anew; it is locked and empty when others find it.

        Every byte is written: on a full disk that fails here, and not in a write to memory.

        Raises:
            OSError: it cannot be made.
        """
        unfinished = path.with_suffix(".unfinished")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(unfinished, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(_MAGIC.ljust(_SIZE, b"\0"))
            memory = mmap.mmap(descriptor, _SIZE)
            os.replace(unfinished, path)
        except OSError:
            os.close(descriptor)
            unfinished.unlink(missing_ok=True)
            raise
        return cls(memory, descriptor, os.fstat(descriptor).st_ino)

    @classmethod
    def unseen(cls) -> Self:
        """Make one without a file, that nobody else sees."""
        return cls(mmap.mmap(-1, _SIZE), -1, 0)

    @classmethod
    def other(cls, path: Path) -> Self | None:
        """Look into another slot's file; None where there is none that can be read."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            memory = mmap.mmap(descriptor, _SIZE, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # it is shorter
            os.close(descriptor)
            return None
        if memory[: len(_MAGIC)] != _MAGIC:
            memory.close()
            os.close(descriptor)
            return None
        return cls(memory, descriptor, os.fstat(descriptor).st_ino)

    def lives(self) -> bool:
        """True while its owner holds the lock."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def count(self, columns: Columns) -> int:
        """Return how many connections of an address it holds."""
        first, second = columns
        return min(self.counts[first], self.counts[second])

    def close(self) -> None:
        """Let go of it; a second time does nothing."""
        for view in (self.alive, self.holds, self.counts):
            view.release()
        self._memory.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class Occupancy:
    """All slots, as one of them sees them.

    Where no file can be made, as on a full disk, each process counts for itself.

    Args:
        folder: the run folder.
        slot: which one this process is, from 1.
        slots: how many serve.
    """

    def __init__(self, folder: Path, slot: int, slots: int) -> None:
        self._others: dict[int, _Slot] = {}
        self._paths = {
            number: folder / f"web-{number}.connections"
            for number in range(1, slots + 1)
            if number != slot
        }
        try:
            self._key = _key_in(folder, slot)
            self._own = _Slot.own(folder / f"web-{slot}.connections")
        except OSError as error:
            self.trouble: OSError | None = error
            self._key = secrets.token_bytes(_KEY_BYTES)
            self._own = _Slot.unseen()
            self._paths = {}
        else:
            self.trouble = None
        self.refresh()

    def refresh(self) -> None:
        """Find the files of slots that have begun since."""
        for number, path in self._paths.items():
            known = self._others.get(number)
            try:
                inode = path.stat().st_ino
            except OSError:
                continue  # it has not begun yet
            if known is not None and known.inode == inode:
                continue
            found = _Slot.other(path)
            if found is not None:
                self._forget(number)
                self._others[number] = found

    def report(self, connections: int, now: int, *, takes: bool) -> None:
        """Tell the others how many connections of any kind are open, and that we live.

        ``now`` is µs of the monotonic clock; ``takes`` says whether there is room for more.
        """
        self._own.holds[0], self._own.holds[1] = connections, takes
        self._own.alive[0] = now

    def others(self, now: int) -> list[int]:
        """Return how many connections each other slot holds that lives and takes more."""
        found = []
        for slot in self._others.values():
            connections, takes = slot.holds
            if takes and now - slot.alive[0] < ALIVE_WITHIN_US:
                found.append(connections)
        return found

    def add(self, address: str, most: int) -> bool:
        """Count one more connection of an address; False, and it is not, where ``most`` are open.

        It is counted before it is looked at the others: never are there more than ``most``.
        """
        columns = self._columns(address)
        self._change(columns, 1)
        if self._open(columns) > most:
            for number, slot in list(self._others.items()):
                if slot.count(columns) and not slot.lives():
                    self._forget(number)
            if self._open(columns) > most:
                self._change(columns, -1)
                return False
        return True

    def remove(self, address: str) -> None:
        """Count one connection less that was added."""
        self._change(self._columns(address), -1)

    def close(self) -> None:
        """Let go of all files; what we have counted counts no more."""
        for number in list(self._others):
            self._forget(number)
        self._own.close()

    def _open(self, columns: Columns) -> int:
        others = sum(slot.count(columns) for slot in self._others.values())
        return self._own.count(columns) + others

    def _change(self, columns: Columns, by: int) -> None:
        for column in columns:
            self._own.counts[column] += by

    def _columns(self, address: str) -> Columns:
        digest = blake2b(address.encode(), digest_size=8, key=self._key).digest()
        first, second = struct.unpack("=II", digest)
        return first % _COLUMNS, _COLUMNS + second % _COLUMNS

    def _forget(self, number: int) -> None:
        slot = self._others.pop(number, None)
        if slot is not None:
            slot.close()


def _key_in(folder: Path, slot: int) -> bytes:
    """Return the key that all slots share; whoever comes first makes it."""
    path = folder / "connections.key"
    while True:
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            pass
        else:
            if len(key) == _KEY_BYTES:
                return key
            path.unlink(missing_ok=True)  # damaged
        own = folder / f"connections.key.{slot}"
        own.touch(mode=0o600)
        own.write_bytes(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(own, path)
        except FileExistsError:
            pass  # somebody else came first
        finally:
            own.unlink()

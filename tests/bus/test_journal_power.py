"""What a journal still has after the power went, or its disk failed: all that was acknowledged.

The power goes twice: on a real file system, of which only that is kept what had reached its disk,
and in a file whose last bytes are torn, zero or old.
"""

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from bus.errors import JournalDamaged
from bus.journal import JournalWriter, path_of, set_aside
from bus.journal_reader import JournalReader
from tests import needed
from tests.bus.journal_writing import body
from tests.e2e.small_disk import SmallDisk
from tests.faults import times

DISK_MIB = 24
COMMITS = 30
SYMBOL = ("A-USD", 0)


def opened(folder: Path) -> JournalWriter:
    return JournalWriter(path_of(folder, "binance"), cap_bytes=1 << 30, reserve_bytes=1 << 16)


def append(writer: JournalWriter) -> int:
    """Commit two records; return the last position that is acknowledged."""
    seq = writer.last_seq + 1
    return writer.append([body(seq), body(seq + 1)], seq, {SYMBOL: {0: seq}}, {"A-USD": seq})


def assert_whole(folder: Path, acknowledged: int) -> int:
    """Fail unless everything acknowledged is there, and nothing in part; return the last seq."""
    writer = opened(folder)
    last = writer.last_seq
    assert last >= acknowledged
    assert last % 2 == 0  # both records of a commit or none
    seen = {SYMBOL: [(0, last - 1)]} if last else {}
    assert writer.seen() == seen
    writer.close()
    reader = JournalReader(path_of(folder, "binance"))
    found = reader.read(0, 100_000)
    reader.close()
    assert [(one.seq, one.body) for one in found] == [(n, body(n)) for n in range(1, last + 1)]
    return last


@contextmanager
def disk(folder: Path, file: Path) -> Iterator[Path]:
    """A real file system in a file, new where there is none yet."""
    try:
        made = SmallDisk(folder, file, DISK_MIB)
        made.__enter__()
    except OSError:
        needed.lacking("no file system can be mounted here: a power loss was NOT tried")
    try:
        yield folder
    finally:
        made.__exit__(None, None, None)


def after_power_loss(tmp_path: Path, chance: Random, *, synced: bool) -> tuple[int, int]:
    """Lose the power after some commits; return (acknowledged, found)."""
    file, kept = tmp_path / "disk", tmp_path / "kept"
    with disk(tmp_path / "before", file) as folder:
        writer = opened(folder)
        writer.close()
        writer = opened(folder)
        if not synced:
            writer._db.execute("PRAGMA synchronous=OFF")
        for _ in range(chance.randrange(1, COMMITS)):
            acknowledged = append(writer)
        # What the kernel still held back of the file system is not in the file, and so gone.
        shutil.copyfile(file, kept)
        writer.close()
    with disk(tmp_path / "after", kept) as folder:
        if not path_of(folder, "binance").exists():
            return acknowledged, 0
        return acknowledged, assert_whole(folder, acknowledged if synced else 0)


@pytest.mark.parametrize("seed", range(times(3, 100)))
def test_f28_when_the_power_goes_everything_acknowledged_has_reached_the_disk(
    tmp_path: Path, seed: int
) -> None:
    acknowledged, found = after_power_loss(tmp_path, Random(seed), synced=True)
    assert found == acknowledged > 0


def test_f28_without_syncing_the_same_loss_is_seen(tmp_path: Path) -> None:
    acknowledged, found = after_power_loss(tmp_path, Random(1), synced=False)
    assert found < acknowledged


def copied(folder: Path, to: Path) -> dict[str, bytes]:
    """Return the bytes of a journal's files, and keep them in another folder."""
    to.mkdir()
    found = {}
    for path in folder.glob("binance.db*"):
        if not path.name.endswith("-shm"):
            found[path.name] = path.read_bytes()
            (to / path.name).write_bytes(found[path.name])
    return found


@pytest.mark.parametrize("seed", range(times(20, 100)))
def test_f22_a_torn_zero_or_old_tail_costs_only_what_was_not_acknowledged(
    tmp_path: Path, seed: int
) -> None:
    chance = Random(seed)
    folder, after = tmp_path / "journal", tmp_path / "after"
    folder.mkdir()
    writer = opened(folder)
    for _ in range(chance.randrange(1, COMMITS)):
        acknowledged = append(writer)
    before = {path.name: path.read_bytes() for path in folder.glob("binance.db-wal")}
    for _ in range(chance.randrange(1, 4)):
        append(writer)
    (name, synced), *_ = before.items()
    now = copied(folder, after)[name]
    writer.close()
    assert now.startswith(synced[:32]), "the log was not begun anew between"
    torn = bytearray(now)
    at = chance.randrange(len(synced), len(torn) + 1)
    kind = chance.choice(("torn", "zero", "garbage", "sectors"))
    if kind == "torn":
        del torn[at:]
    elif kind == "zero":
        torn[at:] = bytes(len(torn) - at)
    elif kind == "garbage":
        torn[at:] = chance.randbytes(len(torn) - at)
    else:
        for start in range(len(synced) // 512 * 512 + 512, len(torn), 512):
            if chance.random() < 0.5:
                torn[start : start + 512] = bytes(len(torn[start : start + 512]))
    (after / name).write_bytes(torn)
    assert_whole(after, acknowledged)


def append_until_refused(writer: JournalWriter) -> tuple[int, str]:
    """Return the last position that was acknowledged, and why no other one was."""
    try:
        while True:
            append(writer)
    except sqlite3.OperationalError as error:
        return writer.last_seq, str(error)


def test_f22_a_disk_that_fails_ends_the_writer_and_the_next_one_has_everything(
    tmp_path: Path,
) -> None:
    """A file may not grow: the system refuses the write, which SQLite calls a disk I/O error."""
    writer = opened(tmp_path)
    append(writer)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in tmp_path.glob("binance.db*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        acknowledged, complaint = append_until_refused(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert complaint == "disk I/O error"
    assert writer.last_seq == acknowledged
    writer.close()
    assert_whole(tmp_path, acknowledged)


def test_f22_a_file_of_zeros_is_put_aside_and_a_deleted_one_begins_anew(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    append(writer)
    epoch = writer.epoch
    writer.close()
    path = path_of(tmp_path, "binance")
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(JournalDamaged):
        opened(tmp_path)
    set_aside(path)
    for _ in range(2):
        writer = opened(tmp_path)
        assert writer.last_seq == 0
        assert writer.epoch != epoch
        epoch = writer.epoch
        append(writer)
        writer.close()
        path.unlink()

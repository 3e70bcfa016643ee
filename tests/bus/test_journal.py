"""The journal on real files: what was appended is there, whatever happens."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.errors import JournalCorrupt, JournalDamaged, JournalFull
from bus.journal import JournalWriter, path_of, set_aside
from bus.journal_reader import JournalReader, Record
from bus.settings import ROOT
from tests.bus.journal_writing import body
from tests.faults import times
from tests.fix_disk import Disk

CAP = 1 << 30


class Journal:
    """A file that can be opened again and again."""

    def __init__(self, folder: Path) -> None:
        self.path = path_of(folder, "binance")
        self.opened: list[JournalWriter | JournalReader] = []

    def writer(self, cap_bytes: int = CAP) -> JournalWriter:
        made = JournalWriter(self.path, cap_bytes=cap_bytes, reserve_bytes=1 << 20)
        self.opened.append(made)
        return made

    def reader(self) -> JournalReader:
        made = JournalReader(self.path)
        self.opened.append(made)
        return made


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    yield made
    for one in made.opened:
        one.close()


@pytest.fixture
def small(disk: Disk) -> Iterator[Journal]:
    made = Journal(disk.path)
    yield made
    for one in made.opened:
        one.close()


def test_what_was_appended_is_read_in_order_from_any_position(journal: Journal) -> None:
    writer, reader = journal.writer(), journal.reader()
    assert reader.position() == (writer.epoch, 1, 0)
    assert writer.append([b"a", b"b"], 10) == 2
    assert writer.append([b"c"], 11) == 3
    assert reader.position() == (writer.epoch, 1, 3)
    assert reader.read(0) == [Record(1, 10, b"a"), Record(2, 10, b"b"), Record(3, 11, b"c")]
    assert [one.seq for one in reader.read(1)] == [2, 3]
    assert [one.seq for one in reader.read(0, limit=2)] == [1, 2]
    assert reader.read(3) == []


def test_where_a_long_journal_begins_and_ends_costs_no_more_than_of_a_short_one(
    journal: Journal,
) -> None:
    writer, reader = journal.writer(), journal.reader()

    def steps() -> int:
        """Return how much SQLite does to tell, in tens of its machine's steps."""
        counted: list[None] = []
        assert reader.position() is not None
        assert reader._db is not None
        reader._db.set_progress_handler(lambda: counted.append(None), 10)
        reader.position()
        reader._db.set_progress_handler(None, 0)
        return len(counted)

    writer.append([b"a"] * 10, 10)
    short = steps()
    writer.append([b"a"] * 5_000, 10)
    assert steps() <= short + 2


def test_a_reader_without_a_journal_finds_nothing_until_there_is_one(journal: Journal) -> None:
    reader = journal.reader()
    assert (reader.position(), reader.read(0)) == (None, [])
    journal.writer().append([b"a"], 1)
    assert [one.body for one in reader.read(0)] == [b"a"]


def test_a_reader_reads_what_a_writer_has_closed(journal: Journal) -> None:
    writer = journal.writer()
    writer.append([b"a"], 1)
    writer.close()
    assert [one.body for one in journal.reader().read(0)] == [b"a"]


def test_the_next_writer_goes_on_where_the_last_one_was(journal: Journal) -> None:
    first = journal.writer()
    first.append([b"a", b"b"], 1, {("A-USD", 0): {5: 9}, ("A-USD", 1): {1: 1}}, {"A-USD": 2})
    first.append([b"c"], 1, {("A-USD", 0): {5: None, 4: 12}}, {"B-USD": 3})
    first.close()
    second = journal.writer()
    assert (second.epoch, second.last_seq) == (first.epoch, 3)
    assert second.seen() == {("A-USD", 0): [(4, 12)], ("A-USD", 1): [(1, 1)]}
    assert second.symbol_seqs() == {"A-USD": 2, "B-USD": 3}
    assert second.append([b"d"], 2) == 4


def test_a_new_file_is_a_new_epoch_and_readers_notice(journal: Journal) -> None:
    first, reader = journal.writer(), journal.reader()
    first.append([b"a"], 1)
    assert reader.position() == (first.epoch, 1, 1)
    first.close()
    for path in journal.path.parent.glob("binance.*"):
        path.unlink()
    assert reader.position() is None
    second = journal.writer()
    second.append([b"z"], 1)
    assert second.epoch != first.epoch
    assert reader.position() == (second.epoch, 1, 1)
    assert [one.body for one in reader.read(0)] == [b"z"]


def test_only_what_is_stored_and_old_is_trimmed(journal: Journal) -> None:
    writer, reader = journal.writer(), journal.reader()
    for ts in range(1, 11):
        writer.append([b"x"], ts)
    assert writer.trim(4, written_before=1000) == 4
    assert writer.trim(10, written_before=7) == 2
    assert writer.trim(10, written_before=7) == 0
    assert reader.position() == (writer.epoch, 7, 10)
    assert writer.trim(10, written_before=1000, limit=3) == 3
    assert reader.position() == (writer.epoch, 10, 10)


def test_an_emptied_journal_goes_on_counting(journal: Journal) -> None:
    writer, reader = journal.writer(), journal.reader()
    writer.append([b"x"] * 5, 1)
    assert writer.trim(5, 1000) == 5
    assert reader.position() == (writer.epoch, 6, 5)
    writer.close()
    again = journal.writer()
    assert (again.last_seq, again.epoch) == (5, writer.epoch)
    assert again.append([b"y"], 2) == 6
    assert reader.position() == (again.epoch, 6, 6)


def test_trimming_gives_the_room_back(journal: Journal) -> None:
    writer = journal.writer(cap_bytes=1 << 20)
    for ts in range(40):
        writer.append([bytes(1000)] * 30, ts)
    assert writer.over_cap()
    writer.close()
    before = journal.path.stat().st_size
    writer = journal.writer(cap_bytes=1 << 20)
    while writer.drop(900):
        pass
    assert not writer.over_cap()
    assert [one.seq for one in writer.oldest()][:2] == [901, 902]
    writer.close()
    assert journal.path.stat().st_size < before


def test_f22_a_record_whose_bytes_changed_is_never_read(journal: Journal) -> None:
    writer, reader = journal.writer(), journal.reader()
    writer.append([b"a" * 50, b"b" * 50, b"c" * 50], 1)
    with sqlite3.connect(journal.path) as db:
        db.execute("UPDATE record SET body = ? WHERE seq = 2", (b"b" * 49 + b"c",))
    db.close()
    with pytest.raises(JournalCorrupt) as caught:
        reader.read(0)
    assert caught.value.seq == 2
    assert [one.seq for one in reader.read(0, limit=1)] == [1]
    assert [one.seq for one in reader.read(2)] == [3]


@pytest.mark.parametrize("table", ["sqlite_master", "meta", "record", "seen", "symbol_seq"])
def test_f22_a_damaged_file_is_said_to_be_and_can_be_put_aside(
    journal: Journal, table: str
) -> None:
    writer = journal.writer()
    for seq in range(1, 201):
        writer.append([body(seq)], seq, {("BTC-USD", 0): {1: seq}}, {"BTC-USD": seq})
    writer.close()
    with sqlite3.connect(journal.path) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        pages = dict(db.execute("SELECT name, rootpage FROM sqlite_master"))
    db.close()
    with journal.path.open("r+b") as file:
        file.seek((pages.get(table, 1) - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(JournalDamaged):
        journal.writer()
    aside = set_aside(journal.path)
    assert aside.name == "binance.damaged-1"
    assert journal.writer().last_seq == 0


def test_the_reserve_is_laid_aside_whole(journal: Journal) -> None:
    writer = journal.writer()
    reserve = journal.path.with_suffix(".reserve")
    assert reserve.stat().st_size == 1 << 20
    reserve.write_bytes(b"cut off by a crash")
    assert writer.refill_reserve()
    assert reserve.stat().st_size == 1 << 20
    assert writer.release_reserve()
    assert not writer.release_reserve()
    assert not reserve.exists()


def fill(writer: JournalWriter) -> int:
    """Append until the disk is full; return the last position that was acknowledged."""
    try:
        while True:
            writer.append([bytes(2000)] * 4, 1, {("A-USD", 0): {0: writer.last_seq}})
    except JournalFull:
        return writer.last_seq


def test_f22_a_full_disk_loses_nothing_and_the_reserve_lets_it_go_on(
    small: Journal, disk: Disk
) -> None:
    writer, reader = small.writer(), small.reader()
    last = fill(writer)
    disk.fill()
    for _ in range(3):
        with pytest.raises(JournalFull):
            writer.append([bytes(2000)], 1)
    assert (writer.last_seq, reader.position()) == (last, (writer.epoch, 1, last))
    assert writer.seen() == {("A-USD", 0): [(0, last - 4)]}
    with pytest.raises(JournalFull):
        writer.trim(last, 1000)
    assert writer.release_reserve()
    assert writer.drop(last, 64) == 64
    assert writer.append([b"x"], 1) == last + 1
    disk.fill()
    assert not writer.refill_reserve()
    assert not small.path.with_suffix(".reserve").exists()
    assert len(reader.read(0, 10_000)) == last - 64 + 1
    disk.heal()
    assert writer.refill_reserve()


def test_a_writer_starts_on_a_full_disk_and_the_reserve_still_helps(
    small: Journal, disk: Disk
) -> None:
    writer = small.writer()
    last = fill(writer)
    writer.close()
    disk.fill()
    again = small.writer()
    assert again.last_seq == last
    with pytest.raises(JournalFull):
        again.append([bytes(2000)], 1)
    assert again.release_reserve()
    assert again.append([b"x"], 1) == last + 1


def test_a_disk_that_others_fill_at_once_is_an_error_with_a_name(
    small: Journal, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = small.writer()
    last = fill(writer)
    disk.fill()
    unlink = Path.unlink

    def unlinked_and_taken(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if path.suffix == ".reserve":
            disk.fill()

    monkeypatch.setattr(Path, "unlink", unlinked_and_taken)
    with pytest.raises(JournalFull):
        writer.release_reserve()
    with pytest.raises(JournalFull):
        writer.append([bytes(2000)], 1)
    assert writer.last_seq == last


def test_f1_a_writer_killed_in_mid_append_loses_no_acknowledged_record(journal: Journal) -> None:
    acknowledged, epochs, died_writing = 0, set(), 0
    for turn in range(times(25, 300)):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bus.journal_writing", str(journal.path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(3 + turn % 25 * 2):
            acknowledged = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        acknowledged = int(rest[-1]) if rest else acknowledged
        writer = journal.writer()
        epochs.add(writer.epoch)
        assert acknowledged <= writer.last_seq <= acknowledged + 2
        died_writing += writer.last_seq > acknowledged
        # Both records of a commit or none, and what was seen is what was recorded.
        assert writer.last_seq % 2 == 0
        assert writer.seen() == {("A-USD", 0): [(0, writer.last_seq - 1)]}
        assert writer.symbol_seqs() == {"A-USD": writer.last_seq - 1}
        acknowledged = writer.last_seq
        writer.close()
    found = journal.reader().read(0, 100_000)
    assert [one.seq for one in found] == list(range(found[0].seq, acknowledged + 1))
    assert all(one.body == body(one.seq) for one in found)
    assert len(epochs) == 1

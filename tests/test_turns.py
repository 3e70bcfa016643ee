"""Whose turn it is where several tests run at once."""

import threading
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.turns import turn


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a door and a room."""
    for name in ("door", "room"):
        (tmp_path / name).touch()
    return tmp_path


class Visitor:
    """Wants a turn, in a thread of its own, and keeps it until it is told to leave."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self.inside = threading.Event()
        self._leave = threading.Event()
        self._folder = folder
        self._alone = alone
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()

    def _visit(self) -> None:
        with turn(self._folder / "door", self._folder / "room", alone=self._alone):
            self.inside.set()
            assert self._leave.wait(20)

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(20)


def waiting(folder: Path) -> int:
    """Return how many wait for a lock on a file of the folder."""
    inodes = {str(path.stat().st_ino) for path in folder.iterdir()}
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("->" in line and line.split()[-3].rpartition(":")[2] in inodes for line in lines)


def test_many_are_inside_at_once(folder: Path) -> None:
    visitors = [Visitor(folder, alone=False) for _ in range(3)]
    assert all(one.inside.wait(20) for one in visitors)
    for one in visitors:
        one.leave()


def test_who_wants_to_be_alone_waits_and_those_after_wait_for_it(folder: Path) -> None:
    first = Visitor(folder, alone=False)
    assert first.inside.wait(20)
    alone = Visitor(folder, alone=True)
    eventually(lambda: waiting(folder) == 1)
    later = Visitor(folder, alone=False)
    eventually(lambda: waiting(folder) == 2)
    assert not alone.inside.is_set()
    assert not later.inside.is_set()
    first.leave()
    assert alone.inside.wait(20)
    assert not later.inside.is_set()
    alone.leave()
    assert later.inside.wait(20)
    later.leave()

"""What web processes see of each other's connections, in files that they share."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.settings import ROOT
from tests.eventually import eventually
from web.occupancy import ALIVE_WITHIN_US, Occupancy

Begin = Callable[..., Occupancy]
SOMEBODY = "192.0.2.1"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Makes slots of one installation; each sees those that began before it."""
    made: list[Occupancy] = []

    def make(slot: int, slots: int = 3) -> Occupancy:
        made.append(Occupancy(tmp_path, slot, slots))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_address_has_its_share_over_all_processes(begin: Begin) -> None:
    first, second = begin(1), begin(2)
    first.refresh()
    assert [first.add(SOMEBODY, 3), second.add(SOMEBODY, 3), first.add(SOMEBODY, 3)] == [True] * 3
    assert [first.add(SOMEBODY, 3), second.add(SOMEBODY, 3)] == [False] * 2
    assert first.add("192.0.2.2", 3)
    first.remove(SOMEBODY)
    assert second.add(SOMEBODY, 3)
    assert not first.add(SOMEBODY, 3)


def test_what_a_dead_process_held_counts_no_more(begin: Begin) -> None:
    first, second = begin(1), begin(2)
    first.refresh()
    assert second.add(SOMEBODY, 1)
    assert not first.add(SOMEBODY, 1)  # it hangs, perhaps: its connections are open all the same
    second.close()  # its lock goes as it would with the process
    assert first.add(SOMEBODY, 1)


def test_a_process_that_begins_again_holds_nothing_and_is_found(begin: Begin) -> None:
    first, second = begin(1), begin(2)
    first.refresh()
    assert second.add(SOMEBODY, 1)
    second.report(7, 1_000, takes=True)
    second.close()
    again = begin(2)
    first.refresh()
    assert first.others(1_000) == []
    assert first.add(SOMEBODY, 1)
    again.report(8, 1_000, takes=True)
    assert first.others(1_000) == [8]
    assert not again.add(SOMEBODY, 1)


def test_only_processes_that_live_and_have_room_are_counted_on(begin: Begin) -> None:
    first, second, third = begin(1), begin(2), begin(3)
    first.refresh()
    second.report(5, 0, takes=True)
    third.report(6, 0, takes=False)
    assert first.others(ALIVE_WITHIN_US - 1) == [5]
    assert first.others(ALIVE_WITHIN_US) == []


def test_slots_that_are_not_configured_are_not_looked_at(begin: Begin) -> None:
    begin(3).report(5, 0, takes=True)
    assert begin(1, 2).others(0) == []


def test_of_ten_thousands_of_addresses_few_are_counted_one_too_many_and_none_too_few(
    begin: Begin,
) -> None:
    slot = begin(1)
    for number in range(20_000):
        assert slot.add(f"10.0.{number >> 8}.{number & 255}", 100)
    refused = 0
    for number in range(2_000):
        address = f"10.1.{number >> 8}.{number & 255}"
        refused += not slot.add(address, 1)
    assert refused < 2_000 * 0.06
    for number in range(0, 20_000, 97):
        assert not slot.add(f"10.0.{number >> 8}.{number & 255}", 1)


def test_damaged_files_are_made_anew_or_passed_over(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "connections.key").write_bytes(b"short")
    (tmp_path / "web-1.connections").write_bytes(b"x" * 100)
    (tmp_path / "web-2.connections").write_bytes(b"")
    first = begin(1)
    assert first.trouble is None
    assert first.others(0) == []
    assert first.add(SOMEBODY, 1)
    assert not begin(3).add(SOMEBODY, 1)


def test_where_no_file_can_be_made_each_process_counts_for_itself(tmp_path: Path) -> None:
    alone = Occupancy(tmp_path / "missing", 1, 3)
    assert alone.trouble is not None
    assert alone.add(SOMEBODY, 1)
    assert not alone.add(SOMEBODY, 1)
    alone.close()


def test_files_are_nobody_elses_to_read(begin: Begin, tmp_path: Path) -> None:
    begin(1)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}
    assert {path.name for path in tmp_path.iterdir()} == {"web-1.connections", "connections.key"}


WRITES = """
import sys, time
from pathlib import Path
from web.occupancy import Occupancy
own = Occupancy(Path(sys.argv[1]), 1, 2)
print(flush=True)
while True:
    own.report(7, time.monotonic_ns() // 1000, takes=True)
"""


def test_one_that_writes_all_the_time_is_never_missed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITES, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            seen = Occupancy(tmp_path, 2, 2)
            eventually(lambda: seen.others(time.monotonic_ns() // 1000) == [7])
            moments = (time.monotonic_ns() // 1000 for _ in range(200_000))
            assert all(seen.others(moment) == [7] for moment in moments)
            seen.close()
        finally:
            writer.kill()

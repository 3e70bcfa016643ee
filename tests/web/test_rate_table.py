"""The table of buckets: bounded, shared by processes, and made anew when it is none of ours."""

import fcntl
import hashlib
import multiprocessing
import os
import shutil
import stat
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from bus.process import Process, run_folder
from bus.settings import Settings
from tests.web.test_fuzz import rss_bytes
from web import rate_table
from web.__main__ import buckets
from web.rate import PERIOD_NS, Rate
from web.rate_table import SETS, SIZE, WAYS, Table

NOW = 5_000_000_000_000
KEYS = int(os.environ.get("RATE_KEYS", "200000"))
"""1,000,000 take four seconds, and no more memory."""
WORK = bytes(20_000)
"""Hashing it takes some 15 µs: a third of what any request costs besides."""
SPAWN = multiprocessing.get_context("spawn")


def passed(table: Table, rate: Rate, key: str, times: int, now: int = NOW) -> int:
    """How many of so many requests at one moment are admitted."""
    return sum(table.take(rate, key, now).wait_ns == 0 for _ in range(times))


def test_each_key_has_a_bucket_of_its_own() -> None:
    table, rate = rate_table.private(), Rate(10)
    assert passed(table, rate, "market 192.0.2.1", 15) == 10
    assert passed(table, rate, "market 192.0.2.2", 15) == 10
    assert passed(table, rate, "general 192.0.2.1", 15) == 10
    assert passed(table, rate, "market 192.0.2.1", 15) == 0
    assert passed(table, rate, "market 192.0.2.1", 15, NOW + PERIOD_NS // 2) == 5


def test_a29_any_number_of_keys_takes_no_more_memory_and_who_asked_most_is_remembered() -> None:
    table, rate = rate_table.private(), Rate(10)
    before = rss_bytes(os.getpid())
    heavy = [f"heavy {number}" for number in range(100)]
    assert [passed(table, rate, key, 20) for key in heavy] == [10] * len(heavy)
    for number in range(KEYS):
        table.take(rate, f"market 10.{number >> 16}.{number >> 8 & 255}.{number & 255}", NOW)
    assert [passed(table, rate, key, 20) for key in heavy] == [0] * len(heavy)
    # The table's 16 MiB, of which some are in use already, and nothing for each key.
    assert rss_bytes(os.getpid()) - before <= SIZE + (8 << 20)


def test_of_a_full_set_the_bucket_that_is_closest_to_full_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_table, "SETS", 1)
    table, rate = rate_table.private(), Rate(100)
    for number in range(WAYS):
        passed(table, rate, f"key {number}", 10 + number)
    passed(table, rate, "another", 5)  # in the place of key 0
    assert table.take(rate, "key 7", NOW).remaining == 100 - 17 - 1
    assert table.take(rate, "key 1", NOW).remaining == 100 - 11 - 1
    assert table.take(rate, "key 0", NOW).remaining == 99  # and it takes that of "another"
    assert table.take(rate, "another", NOW).remaining == 99


def test_a_bucket_from_before_the_machine_was_started_anew_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rate_table, "SETS", 1)
    table, rate = rate_table.private(), Rate(10)
    for number in range(WAYS):
        passed(table, rate, f"key {number}", 10)
    for number in range(WAYS):
        assert passed(table, rate, f"new {number}", 20, now=1_000) == 10
    assert sum(passed(table, rate, f"new {number}", 20, now=1_000) for number in range(WAYS)) == 0


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    rate, table = Rate(10), rate_table.shared(tmp_path)
    assert passed(table, rate, "key", 20) == 10
    table.close()
    assert passed(rate_table.shared(tmp_path), rate, "key", 20) == 0


def test_the_file_is_whole_on_the_disk_and_its_users_alone(tmp_path: Path) -> None:
    rate_table.shared(tmp_path)
    found = (tmp_path / rate_table.NAME).stat()
    assert found.st_size == SIZE
    assert found.st_blocks * 512 >= SIZE  # no hole: a full disk cannot end a process later
    assert stat.S_IMODE(found.st_mode) == 0o600


@pytest.mark.parametrize("damage", ["shorter", "longer", "empty", "another head", "another shape"])
def test_a_file_that_is_none_of_ours_is_made_anew(tmp_path: Path, damage: str) -> None:
    rate, path = Rate(10), tmp_path / rate_table.NAME
    assert passed(rate_table.shared(tmp_path), rate, "key", 20) == 10
    content = path.read_bytes()
    path.write_bytes(
        {
            "shorter": content[:-1],
            "longer": content + b"x",
            "empty": b"",
            "another head": b"x" + content[1:],
            "another shape": content[:20] + b"\xff" + content[21:],
        }[damage]
    )
    assert passed(rate_table.shared(tmp_path), rate, "key", 20) == 10
    assert path.stat().st_size == SIZE
    assert passed(rate_table.shared(tmp_path), rate, "key", 20) == 0


def test_whatever_stands_in_the_table_refuses_nobody_for_long(tmp_path: Path) -> None:
    rate, path = Rate(10), tmp_path / rate_table.NAME
    rate_table.shared(tmp_path).close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(SIZE - 4096))
    table = rate_table.shared(tmp_path)
    for number in range(1_000):
        assert passed(table, rate, f"key {number}", 20) == 10


def test_hashes_differ_from_file_to_file(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.mkdir()
        rate_table.shared(path).take(Rate(10), "key", NOW)
    one, other = ((path / rate_table.NAME).read_bytes()[4096:] for path in paths)
    assert one != other


def test_without_room_the_caller_is_told_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / rate_table.NAME).mkdir()  # nothing can take its place
    with pytest.raises(OSError, match="directory"):
        rate_table.shared(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def test_a_web_process_without_room_for_the_file_counts_by_itself(tmp_path: Path) -> None:
    process = Process("web-1", Settings(data_dir=tmp_path))
    folder = run_folder(process.settings)
    try:
        (folder / rate_table.NAME).mkdir()
        assert passed(buckets(process), Rate(10), "key", 20) == 10
        assert passed(buckets(process), Rate(10), "key", 20) == 10
    finally:
        shutil.rmtree(folder)


def _ask(folder: Path, ready: Barrier, times: int, per_minute: int) -> None:
    """Take as often as that, all at one moment, at the same time as the others."""
    ready.wait()
    table, rate, found = rate_table.shared(folder), Rate(per_minute), 0
    ready.wait()
    for _ in range(times):
        found += passed(table, rate, "key", 1)
        hashlib.sha256(WORK).digest()
    (folder / f"{os.getpid()}.passed").write_text(str(found))


def test_three_processes_that_begin_at_once_share_one_limit_within_a_tenth(tmp_path: Path) -> None:
    limit = times = 6_000
    ready = SPAWN.Barrier(3)
    asking = [
        SPAWN.Process(target=_ask, args=(tmp_path, ready, times, limit), daemon=True)
        for _ in range(3)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join(60)
    counts = [int(path.read_text()) for path in tmp_path.glob("*.passed")]
    assert len(counts) == 3
    assert min(counts) < limit  # they did meet
    assert limit <= sum(counts) <= limit * 1.1, counts
    assert SETS * WAYS >= 1_000_000


def _hold(folder: Path, ready: Barrier) -> None:
    with (folder / rate_table.NAME).open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        ready.wait()
        ready.wait()


def test_a_process_that_was_stopped_while_it_took_a_token_holds_nobody_up(tmp_path: Path) -> None:
    table, ready = rate_table.shared(tmp_path), SPAWN.Barrier(2)
    holder = SPAWN.Process(target=_hold, args=(tmp_path, ready), daemon=True)
    holder.start()
    ready.wait()
    began = time.monotonic()
    assert passed(table, Rate(10), "key", 20) == 10
    assert time.monotonic() - began < 1
    ready.wait()
    holder.join(60)
    assert passed(table, Rate(10), "key", 20) == 0

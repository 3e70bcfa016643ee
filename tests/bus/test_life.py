"""The first and the last of every process, in this very process: settings, lock, exit code."""

import ctypes
import logging
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus import process as process_module
from bus.errors import AnotherInstance, SettingError
from bus.log import Log
from bus.process import Process, die_with_parent, raise_file_limit, run, take_lock
from bus.settings import Settings

PR_GET_PDEATHSIG = 2
Main = Callable[[Process], int | None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """DATA_DIR of a program that runs here; logs go where they went when the test ends."""
    for key in list(os.environ):
        if key in ("PORT", "FEEDS", "DATABASE_URL", "SIMULATED"):
            monkeypatch.delenv(key)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOG_FORMAT", "json")
    # What dies with its parent here would be the test run.
    monkeypatch.setattr(process_module, "die_with_parent", lambda: None)
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield tmp_path
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    shutil.rmtree(Settings(data_dir=tmp_path).run_dir, ignore_errors=True)


def ended(main: Main) -> int:
    """Run a program; return its exit code."""
    with pytest.raises(SystemExit) as ending:
        run("program", main)
    code = ending.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_what_main_returns_is_the_exit_code(
    folder: Path, returned: int | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(process: Process) -> int | None:
        assert process.settings.data_dir == folder
        assert process.lock is not None
        assert not process.orphaned
        Log("other").debug("not.shown")
        return returned

    assert ended(main) == code
    said = capsys.readouterr()
    assert said.err == ""
    assert [line[0] for line in said.out.splitlines()] == ["{", "{"]


def test_a_crash_is_1_and_the_lock_is_free_again(folder: Path) -> None:
    def main(process: Process) -> int | None:
        raise RuntimeError("impossible")

    assert ended(main) == 1
    take_lock(Settings(data_dir=folder), "program").close()


def test_a_setting_found_wrong_later_is_2_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(process: Process) -> int | None:
        raise SettingError("PORT", "80 cannot be listened on", "give a free one")

    assert ended(main) == 2
    assert capsys.readouterr().err == "tickwire: PORT: 80 cannot be listened on; give a free one\n"


def test_a_wrong_setting_is_2_before_anything_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "eighty")
    begun: list[Process] = []
    assert ended(lambda process: begun.append(process)) == 2
    assert begun == []


def test_a_second_instance_is_75(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = take_lock(Settings(data_dir=folder), "program")
    assert ended(lambda process: 0) == 75
    assert capsys.readouterr().err.startswith("tickwire: another program holds ")
    with pytest.raises(AnotherInstance):
        take_lock(Settings(data_dir=folder), "program", wait_s=0.05)
    lock.close()
    assert ended(lambda process: 0) == 0


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def signal_of_the_parents_death() -> int:
    """Return what this thread has asked for; 0 is nothing."""
    found = ctypes.c_int(-1)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(found)) == 0
    return found.value


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has it: it was NOT tried")
def test_dying_with_the_parent_can_be_asked_for_and_taken_back() -> None:
    before = signal_of_the_parents_death()
    try:
        die_with_parent()
        assert signal_of_the_parents_death() == signal.SIGTERM
        die_with_parent(0)
        assert signal_of_the_parents_death() == 0
    finally:
        die_with_parent(before)


@pytest.mark.parametrize("form", ["text", "json"])
def test_each_level_is_a_line_of_its_own(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    form: str,
) -> None:
    monkeypatch.setenv("LOG_FORMAT", form)
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    def main(process: Process) -> int | None:
        process.log.debug("one", text="a b", empty="")
        process.log.warning("two", number=1)
        process.log.error("three of\nthem", quoted='say "hi"')
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            process.log.exception("four")
        return 0

    assert ended(main) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6  # start, these four, exit
    assert all(line.isprintable() for line in lines)

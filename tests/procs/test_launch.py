"""The launcher's part in what supervisord says: its complaints reach the operator, or nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.settings import ROOT

PASSING_ON = "import sys; from procs.launch import pass_on; pass_on(sys.stdin.buffer); print('on')"


def passed_on(said: bytes, to: Path) -> bytes:
    """Pass on what is said, with the operator's end at ``to``; return what comes after it."""
    with to.open("wb", buffering=0) as end:
        done = subprocess.run(
            [sys.executable, "-c", PASSING_ON],
            cwd=ROOT,
            input=said,
            stdout=subprocess.PIPE,
            stderr=end,
            timeout=30,
            check=True,
        )
    return done.stdout


def test_what_supervisord_complains_of_is_passed_on(tmp_path: Path) -> None:
    said = b"Error: no such section\nFor help, use -h\n"
    assert passed_on(said, tmp_path / "said") == b"on\n"
    assert (tmp_path / "said").read_bytes() == said


def test_f22_on_a_full_disk_complaints_are_left_out_and_nothing_ends() -> None:
    """A supervisord whose own complaints fail ends, and with it everything."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here: a full disk was NOT tried")
    with full.open("wb", buffering=0) as end, pytest.raises(OSError, match="No space left"):
        os.write(end.fileno(), b"x")
    assert passed_on(b"No space left on device\n" * 10_000, full) == b"on\n"

"""What is left of an installation: its processes (as far as ``/proc`` shows them) and its locks."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from bus import process

RELEASED_WITHIN_S = 1.0
"""A killed process is out of sight a moment before the kernel has closed its last files."""


def processes_of(data_dir: Path) -> list[tuple[int, str]]:
    """Return (pid, command line) of every process that belongs to this DATA_DIR.

    One belongs to it whose environment names the folder, or that works inside of it, as the
    server processes of Postgres do.
    """
    found = []
    own = f"DATA_DIR={data_dir}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            works_in = Path(os.readlink(folder / "cwd"))
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:  # it has ended
            continue
        if own in variables or data_dir in (works_in, *works_in.parents):
            found.append((int(folder.name), command))
    return found


def signal_all(data_dir: Path, signum: signal.Signals) -> None:
    """Send a signal to every process that belongs to this DATA_DIR."""
    for pid, _ in processes_of(data_dir):
        with suppress(ProcessLookupError):  # it has ended since: Postgres's workers come and go
            os.kill(pid, signum)


def held_locks(data_dir: Path) -> list[str]:
    """Return the names of the locks that somebody holds."""
    paths = sorted((data_dir / "run").glob("*.lock"))
    assert paths, f"no locks in {data_dir}"
    return [path.name for path in paths if process.is_locked(path)]

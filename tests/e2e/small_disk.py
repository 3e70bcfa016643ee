"""A disk of its own for an installation, which can be filled to the last byte at once.

An ext4 file system in a file, mounted over a loop device: only root can, and only where there are
loop devices. What is synced is synced to the disk that the file lies on.
"""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType

FILLED_BY = (1 << 30, 1 << 26, 1 << 22, 1 << 16, 1 << 12)
"""Bytes that are asked for at a time, as long as there are any."""


class SmallDisk:
    """A file system on ``place``, as long as the ``with`` lasts.

    Args:
        place: the folder on which it is mounted.
        file: what it lies in, which takes only what is used. One that is there is mounted as it is.
        size_mib: how large it is.

    Raises:
        OSError: none can be mounted here.
    """

    def __init__(self, place: Path, file: Path, size_mib: int) -> None:
        self._place = place
        self._file = file
        self._size = size_mib << 20
        self._filling = place / "filling"

    def __enter__(self) -> "SmallDisk":
        self._place.mkdir(parents=True, exist_ok=True)
        commands = [["mount", "-o", "loop", str(self._file), str(self._place)]]
        if not self._file.exists():
            with self._file.open("wb") as file:
                file.truncate(self._size)
            commands.insert(0, ["mkfs.ext4", "-q", "-F", "-m", "0", str(self._file)])
        for command in commands:
            try:
                done = subprocess.run(command, check=False, capture_output=True, text=True)
            except OSError:
                self._file.unlink()
                raise
            if done.returncode:
                self._file.unlink()
                raise OSError(f"{command[0]}: {done.stderr.strip()}")
        with suppress(FileNotFoundError):
            (self._place / "lost+found").rmdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self._place)], check=True)
        self._file.unlink()

    def fill(self) -> None:
        """Leave no byte free."""
        at = 0
        with self._filling.open("wb") as file:
            for size in FILLED_BY:
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), at, size)
                        at += size

    def heal(self) -> None:
        """Give the room back."""
        self._filling.unlink(missing_ok=True)

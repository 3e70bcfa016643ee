"""The disk that everything rests on: how much room there is, and what the journals take of it.

In come the settings; out goes what the file system says at this moment. What is not known is null.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from bus.settings import Settings


class Disk(msgspec.Struct):
    """The file system of DATA_DIR, and the bytes of each exchange's journal."""

    free_bytes: int | None
    total_bytes: int | None
    journals: dict[str, int]


def disk(settings: Settings) -> Disk:
    """Return the state of the disk now."""
    journals: dict[str, int] = {}
    free = total = None
    with suppress(OSError):
        found = os.statvfs(settings.data_dir)
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    for path in _listed(settings.journal_dir):
        exchange = path.name.partition(".")[0]
        with suppress(OSError):  # it has gone since it was listed
            journals[exchange] = journals.get(exchange, 0) + path.stat().st_size
    return Disk(free, total, journals)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # nothing has been written yet

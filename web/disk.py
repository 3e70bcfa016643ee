"""The disk that everything rests on: how much room there is, and what the journals take of it.

In come the settings; out goes what the file system says at this moment. What is not known is null.
"""

import os

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
    try:
        found = os.statvfs(settings.data_dir)
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        for entry in os.scandir(settings.journal_dir):
            exchange = entry.name.partition(".")[0]
            journals[exchange] = journals.get(exchange, 0) + entry.stat().st_size
    except OSError:
        pass  # a folder or file that is not there (any more)
    return Disk(free, total, journals)

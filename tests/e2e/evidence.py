"""What is kept of an installation in which something is wrong, before it is removed."""

import shutil
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.e2e.stack import Stack

TABLES = ("gap", "trade_seen", "quarantine", "cursor")
"""What says why a trade is not stored."""


def keep(stack: Stack, log: list[str], folder: Path) -> None:
    """Copy what explains a loss: what was done, tables, journals and logs.

    Args:
        stack: runs, if it can with its database.
        log: what was done, one line each.
        folder: where to; what is there is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "done").write_text("\n".join(log), encoding="utf-8")
    for table in TABLES:
        with suppress(psycopg.Error):  # it may be the database that is ill
            rows = stack.rows(f"SELECT {table}::text FROM {table} ORDER BY 1")
            (folder / table).write_text("\n".join(row for (row,) in rows), encoding="utf-8")
    for place in ("logs", "journal"):
        with suppress(OSError):  # some of it may go while it is copied
            shutil.copytree(stack.settings.data_dir / place, folder / place)

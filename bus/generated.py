"""Files that follow from others: which are stale, and the command that writes them.

In come rows of (file, what it follows from, how to make it); out goes the right text of each file
that has another. ``python -m procs.generate`` and ``python -m web.generate`` are this with the rows
that each package knows how to make.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from bus.settings import ROOT

Row = tuple[str, str, Callable[[Path], str]]
"""(file, what it follows from and cannot be made without, how), both paths below the root."""


def stale(rows: Sequence[Row], root: Path | None = None) -> dict[str, str]:
    """Return the right text of each file that has another."""
    root = root or ROOT
    found = {}
    for name, source, make in rows:
        if (root / source).exists():
            path, text = root / name, make(root)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                found[name] = text
    return found


def main(rows: Sequence[Row], program: str) -> int:
    """Write what is stale, or with ``--check`` name it and return 1."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args().check
    found = stale(rows)
    for name, text in found.items():
        print(f"{name} is stale: run `make fix`" if check else f"written: {name}")
        if not check:
            (ROOT / name).write_text(text, encoding="utf-8")
    return 1 if check and found else 0

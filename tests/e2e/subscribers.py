"""The subscribers that docs/tap.md shows, as programs: what is run here is what is printed there.

Comes in: the document. Goes out: files in a folder, and the command that runs one.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from bus.settings import ROOT
from tests import needed

DOCUMENT = ROOT / "docs" / "tap.md"
NODE = Path(__file__).parent / "node"
"""Where the Node program's packages are installed."""
FILES = {"python": "subscriber.py", "js": "subscriber.mjs"}


class Language(Protocol):
    """Returns the command of the subscriber in one language."""

    def __call__(self, folder: Path, endpoint: str, lines: int, *topics: str) -> list[str]:
        """``folder`` is what ``written`` returned."""


def written(folder: Path) -> Path:
    """Write the programs of the document into a folder; return it."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.M | re.S)
    for language, name in FILES.items():
        (text,) = [text for found, text in blocks if found == language]
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    return folder


def in_python(folder: Path, endpoint: str, lines: int, *topics: str) -> list[str]:
    """Return the command of the subscriber in Python."""
    return [sys.executable, str(folder / FILES["python"]), endpoint, str(lines), *topics]


def in_node(folder: Path, endpoint: str, lines: int, *topics: str) -> list[str]:
    """Return the command of the subscriber in Node; skip loudly where that cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    installed = NODE / "node_modules" / ".installed"
    lock = (NODE / "package-lock.json").read_bytes()
    missing = "" if node and npm else "no Node or npm"
    if node and npm and not (installed.exists() and installed.read_bytes() == lock):
        done = subprocess.run(
            [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=NODE,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode == 0:
            installed.write_bytes(lock)
        else:
            missing = f"npm ci failed: {done.stderr.strip()[-500:]}"
    if missing:
        needed.lacking(f"{missing}: the subscriber in Node was NOT tried")
    return [str(node), str(folder / FILES["js"]), endpoint, str(lines), *topics]


LANGUAGES = pytest.mark.parametrize("language", [in_python, in_node], ids=["Python", "Node"])

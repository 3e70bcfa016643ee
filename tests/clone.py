"""A copy of this project in a folder of its own, where a test may change files.

Comes in: a folder. Goes out: the copy, its programs, and what has been changed in it. Nothing there
touches the project itself.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from bus.settings import ROOT
from tests.surroundings import bare_environment

LEFT_OUT = shutil.ignore_patterns("node_modules", ".*")
ENDS_WITHIN_S = 170
"""mypy without a cache, on a slow machine; less than what pytest gives a test."""
PARTS = ("bus", "market", "store", "procs", "web", "tests", "docs")
FILES = ("README.md", ".env.example", "Procfile", "supervisord.conf", "pyproject.toml")


class Clone:
    """The copy in ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in PARTS:
            shutil.copytree(ROOT / part, root / part, ignore=LEFT_OUT)
        for name in FILES:
            shutil.copy2(ROOT / name, root)
        self._before = self._contents()

    def _contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
            and not {"__pycache__", ".hypothesis", ".mypy_cache"} & set(path.parts)
        }

    def changed(self) -> set[str]:
        """Return the files that are new, gone or different since the copy was made."""
        now = self._contents()
        return {name for name, _ in self._before.items() ^ now.items()}

    def naming(self, word: str) -> set[str]:
        """Return the files whose name or text has a word, in any case."""
        return {
            name
            for name, content in self._contents().items()
            if word in name.lower() or word.encode() in content.lower()
        }

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start ``python …`` in the copy, with its output piped."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=bare_environment(HOME=str(self.root), **environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Run ``python …`` in the copy; return the exit code and all that it said."""
        with self.start(*arguments, **environ) as process:
            out, _ = process.communicate(timeout=ENDS_WITHIN_S)
            return process.returncode, out

    def test(self, *arguments: str) -> tuple[int, str]:
        """Run tests of the copy, each outcome a line."""
        options = ("--noconftest", "-p", "no:cacheprovider", "-rA", "--tb=short", "--durations=0")
        return self.run("-m", "pytest", *options, *arguments)

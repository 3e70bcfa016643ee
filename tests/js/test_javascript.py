"""Runs the tests of the page's modules, which are written for Node's own test runner."""

import subprocess
from pathlib import Path

from tests import needed

HERE = Path(__file__).parent
FLAGS = ("--experimental-websocket", "--no-warnings")
"""What a browser has anyway, and Node.js 20 only if it is asked."""


def test_the_tests_of_the_pages_modules_pass() -> None:
    node = needed.program("node", "the tests of the page's modules were")
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    assert files
    done = subprocess.run(
        [node, *FLAGS, "--test", "--test-reporter=spec", *files],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HERE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

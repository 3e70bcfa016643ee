"""Runs the tests of the page's modules, which are written for Node's own test runner."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_the_tests_of_the_pages_modules_pass() -> None:
    node = shutil.which("node")
    if node is None:
        assert os.environ.get("TICKWIRE_NO_SKIP") != "1", "Node is missing"
        pytest.skip("no Node: the tests of the page's modules were NOT run")
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    assert files
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", *files],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HERE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

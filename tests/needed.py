"""What a machine may lack: without it a test is skipped and says so, or fails where nothing may be.

TICKWIRE_NO_SKIP=1, as .ci/run sets it, turns each of these skips into a failure.
"""

import os
import shutil
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """End the test for want of something that can be had: what it is, and what was NOT tried."""
    if os.environ.get("TICKWIRE_NO_SKIP") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str, untried: str) -> str:
    """Return where a program is; ``untried`` is what cannot be tried without it."""
    found = shutil.which(name)
    if found is None:
        lacking(f"no {name}: {untried} NOT tried")
    return found

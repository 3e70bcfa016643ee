"""Waiting for a condition, in place of sleeping and hoping."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

Found = TypeVar("Found")


def eventually(condition: Callable[[], Found], *, within: float = 15.0) -> Found:
    """Return what ``condition`` returns as soon as that is true; fail after ``within`` seconds."""
    until = time.monotonic() + within
    never = Event()
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"not within {within} s, was {found!r}"
        never.wait(0.01)

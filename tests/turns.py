"""Whose turn it is where several tests run at once: who measures time runs alone.

Comes in: pytest-xdist's workers, and the mark ``alone``. Goes out: nothing but waiting, outside of
each test's own limit of time. A test takes its place in a room that all share, or with the mark
the whole room; whoever wants it whole holds the door, so that the room empties. One process of
tests needs none of it. It must never wait while it holds the room.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEVERAL = "PYTEST_XDIST_WORKER" in os.environ
"""True in each of several processes of tests."""
DOOR, ROOM = Path(__file__).with_name("__init__.py"), Path(__file__)
"""Files that are there anyway: only their locks are used."""


@contextmanager
def turn(door: Path, room: Path, *, alone: bool) -> Iterator[None]:
    """Be in the room inside the block; with ``alone``, nobody else is."""
    with door.open() as knocked, room.open() as entered:
        fcntl.flock(knocked, fcntl.LOCK_EX)
        fcntl.flock(entered, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(knocked, fcntl.LOCK_UN)
        yield

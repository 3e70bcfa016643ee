"""A database whose processes stand still, as on a hung disk: connections open, nothing answers."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.eventually import eventually
from tests.web.conftest import Start
from tests.web.messages import status, ticker
from tests.web.stack import Stack

CANDLES = "/api/candles?symbol=ETHUSDT"
OTHERS = "/api/candles?symbol=ETHUSDT&limit=7"
"""Not read before the database froze, so nothing that is kept can answer it."""


def numbers(*command: str) -> list[int]:
    """Return the numbers that a command prints."""
    told = subprocess.run(command, capture_output=True, check=True)
    return [int(word) for word in told.stdout.split()]


@contextmanager
def frozen(database: str) -> Iterator[None]:
    """Inside the block no process of the database's server runs."""
    with psycopg.connect(database) as connection:
        (postmaster,) = numbers("ps", "-o", "ppid=", "-p", str(connection.info.backend_pid))
    halted = halt(postmaster, signal.SIGSTOP)  # first: it makes no more of them
    try:
        for child in numbers("pgrep", "-P", str(postmaster)):
            halted += halt(child, signal.SIGSTOP)
        yield
    finally:
        for pid in halted:
            halt(pid, signal.SIGCONT)


def halt(pid: int, how: signal.Signals) -> list[int]:
    """Stop a process, or let it go on; return it, nothing when it has just ended by itself."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return []
    return [pid]


def serving(start: Start, database: str, answer_within_s: float) -> Stack:
    """Start a web process, and let its pool have an idle connection."""
    address = f"postgresql://?{urlencode(conninfo_to_dict(database))}"
    stack = start(database=address, answer_within_s=answer_within_s)
    stack.publish(status(), ticker())
    eventually(lambda: stack.get("/health/ready")[0] == 200, within=10)
    assert stack.get(CANDLES)[0] == 200
    return stack


def test_a_frozen_database_is_a_503_in_time_and_nothing_once_it_goes_on(
    start: Start, database: str
) -> None:
    stack = serving(start, database, answer_within_s=1)
    with frozen(database):
        began = time.monotonic()
        found, headers, _ = stack.get(OTHERS)
        assert (found, headers["retry-after"]) == (503, "2")
        assert stack.get("/health/ready")[0] == 503
        rows = stack.json("/api/markets")
        assert [row["sparkline"] for row in rows] == [None] * len(rows)
        assert stack.get("/api/last")[0] == 200
        assert time.monotonic() - began < 4
    eventually(lambda: stack.get(OTHERS)[0] == 200, within=15)
    assert stack.get("/health/ready")[0] == 200


def test_without_the_limit_it_would_hold_the_request(start: Start, database: str) -> None:
    stack = serving(start, database, answer_within_s=60)
    with frozen(database), pytest.raises(TimeoutError):
        stack.get(OTHERS, within=2)
    eventually(lambda: stack.get(OTHERS)[0] == 200, within=15)

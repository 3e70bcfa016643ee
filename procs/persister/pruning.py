"""Deletes what is too old, in small portions, on a connection and in a thread of its own.

In: how long what is kept. Out: how many rows went, or what stood in the way. It holds no lock that
storing needs, and rests after each portion as long as that took, so that the database has time for
what matters more. What is not done when its time is up is done by the next run.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg

from bus.errors import TickwireError
from store import quarantine, retention
from store.pool import Connection

RUN_S = 50.0
"""A run ends before the next one is due."""


class Limits(NamedTuple):
    """What is kept."""

    trades_s: int
    """Seconds since a trade was received, and since a gap was filled."""
    quarantine_rows: int
    quarantine_days: int


class Pruning:
    """One run. ``done`` is set last.

    Args:
        connect: gives a connection of its own.
        limits: what is kept.
    """

    def __init__(self, connect: Callable[[], Connection], limits: Limits) -> None:
        self._connect = connect
        self._limits = limits
        self._stop = threading.Event()
        self.pruned = 0
        """Trades that went."""
        self.error: str | None = None
        self.done = threading.Event()
        threading.Thread(target=self._run, name="pruning", daemon=True).start()

    def stop(self) -> None:
        """End after the portion that is under way."""
        self._stop.set()

    def _run(self) -> None:
        try:
            with self._connect() as connection:
                self._prune(connection)
        except (psycopg.Error, TickwireError) as error:
            self.error = " ".join(str(error).split())[:200]
        finally:
            self.done.set()

    def _prune(self, connection: Connection) -> None:
        limits = self._limits
        quarantine.prune(connection, rows=limits.quarantine_rows, days=limits.quarantine_days)
        while retention.prune_gaps(connection, limits.trades_s) and not self._stop.is_set():
            pass
        after: str | None = "-infinity"
        end = time.monotonic() + RUN_S
        while after is not None and not self._stop.is_set() and time.monotonic() < end:
            begun = time.monotonic()
            gone, after = retention.prune_trades(connection, limits.trades_s, after)
            self.pruned += gone
            self._stop.wait(time.monotonic() - begun)

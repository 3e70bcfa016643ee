"""What Postgres has of some candles, read in a helper thread, for the self-check.

In: for each exchange how far its journal has been applied here, and which candles are wanted. Out:
those candles and the persister's cursors, of one REPEATABLE READ snapshot that is not older than
that. Until the persister has come as far, the thread waits; told that it is enough, it reads what
there is of the exchanges that have. Nothing is written, and the live view never waits for it.
"""

import threading
from collections.abc import Mapping
from typing import NamedTuple

import psycopg

from bus.errors import TickwireError
from bus.messages import Candle
from market.candle import Key
from market.intervals import STORED
from store import candles, cursors, pool

CONSUMER = "persister"
POLL_S = 0.2
"""So often is the cursor looked at while the persister is not there yet."""
Position = tuple[int, int]
"""(epoch, seq)."""


class Question(NamedTuple):
    """What of one exchange is to be read."""

    position: Position
    """The persister must have come as far."""
    since: int
    """Where all candles are wanted: those that opened at this time or later, µs UTC."""
    keys: list[Key] | None
    """The candles that are wanted; None: all of them."""


class Reading:
    """One answer in the making. ``done`` is set last."""

    def __init__(self, dsn: str, program: str, questions: Mapping[str, Question]) -> None:
        self.cursors: dict[str, Position] = {}
        """Of the exchanges that could be answered."""
        self.candles: dict[str, dict[Key, Candle]] = {}
        self.error: str | None = "it could not be read, see the log"
        """None once it is read."""
        self.done = threading.Event()
        self.enough = threading.Event()
        """Set it to wait no longer for the persister."""
        self._dsn = dsn
        self._program = program
        self._questions = questions
        threading.Thread(target=self._run, name="selfcheck", daemon=True).start()

    def _run(self) -> None:
        try:
            with pool.connect(self._dsn, program=self._program) as connection:
                while not self._read(connection):
                    self.enough.wait(POLL_S)
            self.error = None
        except (psycopg.Error, TickwireError) as error:
            self.error = " ".join(str(error).split())[:200]
        finally:
            self.done.set()

    def _read(self, connection: pool.Connection) -> bool:
        """Read what is wanted, if Postgres has come far enough; return whether it was done."""
        last_try = self.enough.is_set()
        with pool.snapshot(connection):
            found = cursors.read(connection, CONSUMER)
            ready = {
                exchange: question
                for exchange, question in self._questions.items()
                if _has_passed(found.get(exchange), question.position)
            }
            if len(ready) < len(self._questions) and not last_try:
                return False
            for exchange, question in ready.items():
                if question.keys is None:
                    rows = candles.since(connection, exchange, question.since, STORED)
                else:
                    rows = candles.of_keys(connection, exchange, question.keys)
                self.candles[exchange] = {(row[0], row[1], row[2]): row[3] for row in rows}
                self.cursors[exchange] = found[exchange]
        return True


def _has_passed(cursor: Position | None, position: Position) -> bool:
    return cursor is not None and cursor[0] == position[0] and cursor[1] >= position[1]

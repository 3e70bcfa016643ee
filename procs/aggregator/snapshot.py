"""The aggregator's base from Postgres: candles, last trades, ids seen and missing, their cursor.

Everything comes from one REPEATABLE READ snapshot, so that folding the journal from that cursor on
gives exactly what Postgres will have. It is read in a helper thread: the live view goes on while
the database is slow or away.
"""

import threading

import psycopg

from bus.errors import TickwireError
from bus.messages import Candle
from market.candle import Key
from market.intervals import STORED, bucket
from procs.aggregator.memory import KEEP_US, RECENT, Memory
from store import candles, cursors, gaps, history, migrate, pool, trades

DAY_S = 86400


class Snapshot:
    """What Postgres has, by exchange, at the persister's cursors."""

    def __init__(
        self, cursors_read: dict[str, tuple[int, int]], memories: dict[str, Memory]
    ) -> None:
        self.cursors = cursors_read
        self.memories = memories


class Loading:
    """One attempt to read a snapshot, in a thread of its own. ``done`` is set last."""

    def __init__(self, dsn: str, program: str, *, simulated: bool) -> None:
        self.snapshot: Snapshot | None = None
        self.error: str | None = None
        self.done = threading.Event()
        self._dsn = dsn
        self._program = program
        self._simulated = simulated
        threading.Thread(target=self._run, name="snapshot", daemon=True).start()

    def _run(self) -> None:
        try:
            with pool.connect(self._dsn, program=self._program) as connection:
                if migrate.is_current(connection, simulated=self._simulated):
                    with pool.snapshot(connection):
                        self.snapshot = read(connection)
                else:
                    self.error = "the database is not migrated yet"
        except (psycopg.Error, TickwireError) as error:
            self.error = " ".join(str(error).split())[:200]
        finally:
            if self.snapshot is None and self.error is None:
                self.error = "the snapshot could not be read, see the log"
            self.done.set()


def read(connection: pool.Connection) -> Snapshot:
    """Return the snapshot that the connection's transaction sees."""
    positions = cursors.read(connection, "persister")
    first: dict[str, dict[str, int]] = {}
    for (exchange, symbol), ts_open in candles.known_since(connection).items():
        first.setdefault(exchange, {})[symbol] = ts_open
    newest = candles.newest_minutes(connection)
    memories: dict[str, Memory] = {}
    for exchange in {*positions, *newest}:
        recent = trades.newest(connection, exchange, RECENT)
        # Each by its own market's time, as the memory has it: one that has been silent for a month
        # costs nobody, and the minute of one trade whose time is wrong does not shorten the day.
        last = max((each[-1].ts_event for each in recent.values()), default=newest.get(exchange, 0))
        begin = bucket(max(0, last - KEEP_US), DAY_S)
        rows = candles.since(connection, exchange, begin, STORED)
        held: dict[Key, Candle] = {
            (symbol, span, ts_open): made for symbol, span, ts_open, made in rows
        }
        memories[exchange] = Memory(
            exchange,
            held,
            recent,
            first.get(exchange, {}),
            trades.seen(connection, exchange),
            partial=False,
            hour_ends=candles.hour_ends(connection, exchange, begin),
            gaps=gaps.missing(connection, exchange),
        )
        for symbol, minutes in history.minutes_since(connection, exchange, begin).items():
            memories[exchange].published(symbol, minutes)
    return Snapshot(positions, memories)

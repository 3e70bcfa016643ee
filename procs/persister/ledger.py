"""One exchange's journal into Postgres: one transaction for each group of records.

The transaction locks the cursor and compares it with what this process believes, stores the trades
whose ids are new, merges *only those* into the candles, and moves the cursor. Replay, duplicate,
late and back-filled trades are one code path. What is believed in memory (the cursor, the seen ids)
is read again after any error: the COMMIT may have succeeded.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bus.errors import Fenced
from bus.messages import (
    Candle,
    CandleUpdate,
    GapOpened,
    GapUnfillable,
    JournalRecord,
    QuarantineBatch,
    Quarantined,
    Seen,
    SeenIds,
    Trade,
    TradeBatch,
)
from market import candle
from market.sequence import IdSet
from procs.persister.missing import Missing
from store import candles, cursors, gaps, quarantine, trades
from store.pool import Connection

CONSUMER = "persister"
INTERVALS_MAX = 1_000
"""Intervals of ids of one symbol that a feed is told of: the newest ones."""
Ids = dict[tuple[str, int], IdSet]
Merged = tuple[str, int, int, Candle]


class Outcome(NamedTuple):
    """What one transaction did."""

    stored: int
    """New trades."""
    duplicates: int
    """Trades that Postgres had already."""
    corrected: list[CandleUpdate]
    """Candles that had closed before and were changed."""


class Ledger:
    """What one exchange has in Postgres, as far as the next transaction must know it."""

    def __init__(self, connection: Connection, exchange: str) -> None:
        self._connection = connection
        self.exchange = exchange
        with connection.transaction():
            found = cursors.lock(connection, CONSUMER, exchange)
            self._seen = {
                key: IdSet(intervals)
                for key, intervals in trades.seen(connection, exchange).items()
            }
            last = candles.last_trades(connection)
            self._missing = Missing(gaps.opened(connection, exchange))
        self._cursor = found
        self.epoch, self.seq = found or (0, 0)
        self.newest = {
            symbol: trade.ts_event for (name, symbol), trade in last.items() if name == exchange
        }
        """ts_event of the newest trade of each symbol, to know which candles have closed."""

    def store(self, records: Sequence[JournalRecord]) -> Outcome:
        """Store records that follow the cursor, in one transaction.

        Raises:
            Fenced: the cursor in Postgres is another than ours.
            psycopg.Error: nothing is known; make a new ledger.
        """
        new, duplicates = self._new_trades(records)
        fresh: Ids = {}
        for trade in new:
            fresh.setdefault((trade.symbol, trade.series), IdSet()).add(trade.trade_id)
        items: list[Quarantined] = []
        told: set[tuple[str, int]] = set()
        last = records[-1]
        assert last.seq is not None
        connection = self._connection
        with connection.transaction():
            self._fence()
            trades.copy(connection, self.exchange, new)
            merged = candles.merge(connection, self.exchange, candle.fold(new))
            for record in records:
                if isinstance(record, QuarantineBatch) and record.seq is not None:
                    items += record.items
                    quarantine.insert(
                        connection, self.exchange, record.epoch, record.seq, record.items
                    )
                elif isinstance(record, GapOpened):
                    gaps.open(connection, self.exchange, record.gaps, record.reason)
                    self._missing.open(record.gaps)
                    told.update((gap.symbol, gap.series) for gap in record.gaps)
                elif isinstance(record, GapUnfillable):
                    self._missing.absent(record.gaps)
                    told.update((gap.symbol, gap.series) for gap in record.gaps)
            for item in items:
                if item.symbol is not None and item.trade_id is not None:
                    key = (item.symbol, item.series)
                    fresh.setdefault(key, IdSet()).add(item.trade_id)
            if fresh:
                intervals = {key: ids.intervals() for key, ids in fresh.items()}
                trades.mark_seen(connection, self.exchange, intervals)
            for key, ids in fresh.items():
                known = self._seen.setdefault(key, IdSet())
                for low, high in ids.intervals():
                    known.add_range(low, high)
            closed = self._missing.closed(self._seen, {*fresh, *told})
            gaps.close(connection, self.exchange, closed.filled, "filled")
            gaps.close(connection, self.exchange, closed.unfillable, "unfillable")
            cursors.save(connection, CONSUMER, self.exchange, last.epoch, last.seq)
        self._cursor = (last.epoch, last.seq)
        self.epoch, self.seq = self._cursor
        return Outcome(len(new), duplicates, self._corrected(merged, new))

    def _new_trades(self, records: Sequence[JournalRecord]) -> tuple[list[Trade], int]:
        """Return the trades whose ids are new, and how many are not."""
        new: list[Trade] = []
        batch_ids: Ids = {}
        total = 0
        for record in records:
            if not isinstance(record, TradeBatch):
                continue
            total += len(record.trades)
            for trade in record.trades:
                key = (trade.symbol, trade.series)
                known = self._seen.get(key)
                if known is not None and trade.trade_id in known:
                    continue
                ids = batch_ids.get(key)
                if ids is None:
                    ids = batch_ids[key] = IdSet()
                if ids.add(trade.trade_id):
                    new.append(trade)
        return new, total - len(new)

    def have(self) -> Seen:
        """Return what Postgres has, for the feed."""
        ids = [
            SeenIds(symbol, series, found.intervals()[-INTERVALS_MAX:], self.newest.get(symbol))
            for (symbol, series), found in self._seen.items()
        ]
        return Seen(self.exchange, self.epoch, self.seq, ids)

    def _fence(self) -> None:
        found = cursors.lock(self._connection, CONSUMER, self.exchange)
        if found != self._cursor:
            raise Fenced(f"the cursor of {self.exchange} is {found}, not {self._cursor}")

    def _corrected(self, merged: Sequence[Merged], new: Sequence[Trade]) -> list[CandleUpdate]:
        before = dict(self.newest)
        for trade in new:
            if trade.ts_event > self.newest.get(trade.symbol, 0):
                self.newest[trade.symbol] = trade.ts_event
        return [
            candle.update(self.exchange, (symbol, interval_s, ts_open), total, closed=True)
            for symbol, interval_s, ts_open, total in merged
            if ts_open + interval_s * 1_000_000 <= before.get(symbol, 0)
        ]

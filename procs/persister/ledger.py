"""One exchange's journal into Postgres: one transaction for each group of records.

The transaction locks the cursor and compares it with what this process believes, stores the trades
whose ids are new, merges *only those* into the candles, and moves the cursor. Replay, duplicate,
late and back-filled trades are one code path. What the database refuses for good is sifted out by
savepoints in that same transaction and kept in the quarantine. What is believed in memory (the
cursor, the seen ids) is read again after any error: the COMMIT may have succeeded.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bus.errors import Fenced
from bus.messages import (
    Candle,
    CandleUpdate,
    Gap,
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
from procs.persister.sift import Refused, sift
from store import candles, cursors, gaps, quarantine, trades
from store.pool import Connection

CONSUMER = "persister"
MINUTE_S = 60
INTERVALS_MAX = 1_000
"""Intervals of ids of one symbol that a feed is told of: the newest ones."""
GAPS_MAX = 1_000
"""Open gaps that a feed is told of: the oldest ones."""
FRAME_KEPT = 4_096
"""Characters of what is refused that are kept."""
UNEXPLAINED = "missing in the database, and nothing says why"
Key = tuple[str, int]
Ids = dict[Key, IdSet]
Merged = tuple[str, int, int, Candle]


class Outcome(NamedTuple):
    """What one transaction did."""

    stored: int
    """New trades."""
    duplicates: int
    """Trades that Postgres had already."""
    corrected: list[CandleUpdate]
    """Candles that had closed before and were changed."""
    refused: list[Refused[object]]
    """What the database will never take: it stands in the quarantine instead."""


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
            last = {
                symbol: trade
                for (name, symbol), trade in candles.last_trades(connection).items()
                if name == exchange
            }
            self._missing = Missing(
                gaps.opened(connection, exchange), gaps.unfillable(connection, exchange)
            )
        self._cursor = found
        self.epoch, self.seq = found or (0, 0)
        self.newest = {symbol: trade.ts_event for symbol, trade in last.items()}
        """ts_event of the newest trade of each symbol, to know which candles have closed."""
        self._oldest = {
            symbol: ts_open
            for (name, symbol), ts_open in candles.known_since(connection).items()
            if name == exchange
        }
        """Begin of the oldest minute of each symbol that has trades."""
        self._ends = {(symbol, trade.series): trade.trade_id for symbol, trade in last.items()}
        """The highest id of a trade of each key; that of a quarantined one proves nothing."""

    def store(self, records: Sequence[JournalRecord]) -> Outcome:
        """Store records that follow the cursor, in one transaction.

        Raises:
            Fenced: the cursor in Postgres is another than ours.
            psycopg.Error: nothing is known; make a new ledger.
        """
        new, duplicates, fresh = self._new_trades(records)
        last = records[-1]
        assert last.seq is not None
        merged: dict[tuple[str, int, int], Candle] = {}
        with self._connection.transaction():
            self._fence()
            bad = sift(new, lambda part: merged.update(self._put(part)))
            refused: list[Refused[object]] = [*bad, *self._quarantine(records, bad, fresh)]
            refused += self._mark(fresh)
            refused += self._follow_gaps(records, fresh)
            cursors.save(self._connection, CONSUMER, self.exchange, last.epoch, last.seq)
        self._cursor = (last.epoch, last.seq)
        self.epoch, self.seq = self._cursor
        if bad:
            gone = {id(one.row) for one in bad}
            new = [trade for trade in new if id(trade) not in gone]
        return Outcome(len(new), duplicates, self._corrected(merged, new), refused)

    def _put(self, new: Sequence[Trade]) -> dict[tuple[str, int, int], Candle]:
        """Store trades and fold them into their candles, which are returned; all or nothing."""
        with self._connection.transaction():
            trades.copy(self._connection, self.exchange, new)
            merged = candles.merge(self._connection, self.exchange, candle.fold(new))
        return {(symbol, span, ts_open): total for symbol, span, ts_open, total in merged}

    def _quarantine(
        self, records: Sequence[JournalRecord], bad: Sequence[Refused[Trade]], fresh: Ids
    ) -> list[Refused[object]]:
        """Keep what was not believed and what is refused; its ids count as seen."""
        refused: list[Refused[object]] = []
        left = list(bad)
        for record in records:
            assert record.seq is not None
            if isinstance(record, QuarantineBatch):
                items = record.items
            elif left and isinstance(record, TradeBatch):
                mine = {id(trade) for trade in record.trades}
                items = [_poison(one) for one in left if id(one.row) in mine]
                left = [one for one in left if id(one.row) not in mine]
            else:
                continue
            for one in sift(items, lambda part: self._keep(record, part)):  # noqa: B023
                self._keep(record, [_bare(one)])
                refused.append(one)
            for item in items:
                if item.symbol is not None and item.trade_id is not None:
                    key = (item.symbol, item.series)
                    fresh.setdefault(key, IdSet()).add(item.trade_id)
        return refused

    def _keep(self, record: JournalRecord, items: Sequence[Quarantined]) -> None:
        assert record.seq is not None
        with self._connection.transaction():
            quarantine.insert(self._connection, self.exchange, record.epoch, record.seq, items)

    def _mark(self, fresh: Ids) -> list[Refused[object]]:
        """Count ids as seen, in Postgres and here."""

        def mark(part: Sequence[Key]) -> None:
            with self._connection.transaction():
                intervals = {key: fresh[key].intervals() for key in part}
                trades.mark_seen(self._connection, self.exchange, intervals)

        refused = sift(list(fresh), mark)
        for one in refused:
            del fresh[one.row]
        for key, ids in fresh.items():
            known = self._seen.setdefault(key, IdSet())
            for low, high in ids.intervals():
                known.add_range(low, high)
        return [*refused]

    def _follow_gaps(self, records: Sequence[JournalRecord], fresh: Ids) -> list[Refused[object]]:
        """Open the gaps that are told of, and close those of which nothing more can come."""
        connection, refused = self._connection, list[Refused[object]]()
        changed = dict(fresh)
        for record in records:
            if isinstance(record, GapOpened):
                refused += self._open(record.gaps, record.reason)
                keys = {(gap.symbol, gap.series) for gap in record.gaps}
                changed.update({key: self._seen[key] for key in keys if key in self._seen})
            elif isinstance(record, GapUnfillable):
                for gap in record.gaps:
                    for split in self._missing.absent(gap, self._seen):
                        gaps.split(connection, self.exchange, split.gap, split.pieces)
        filled = self._missing.filled(self._seen, changed)
        gaps.close(connection, self.exchange, filled, "filled")
        return refused

    def _open(self, found: Sequence[Gap], reason: str) -> list[Refused[object]]:
        def put(part: Sequence[Gap]) -> None:
            with self._connection.transaction():
                gaps.open(self._connection, self.exchange, part, reason)
            self._missing.open(part)

        return [*sift(found, put)]

    def _new_trades(self, records: Sequence[JournalRecord]) -> tuple[list[Trade], int, Ids]:
        """Return the trades whose ids are new, how many are not, and the ids seen with them."""
        new: list[Trade] = []
        batch_ids: Ids = {}
        total = 0
        for record in records:
            if not isinstance(record, TradeBatch):
                continue
            total += len(record.trades)
            # Of ids that are times of update, all below one count as seen with it.
            see = IdSet.advance if record.latest_only else IdSet.add
            for trade in record.trades:
                key = (trade.symbol, trade.series)
                known = self._seen.get(key)
                if known is not None and trade.trade_id in known:
                    continue
                ids = batch_ids.get(key)
                if ids is None:
                    ids = batch_ids[key] = IdSet()
                if see(ids, trade.trade_id):
                    new.append(trade)
        return new, total - len(new), batch_ids

    def have(self) -> Seen:
        """Return what Postgres has, for the feed."""
        ids = [
            SeenIds(
                symbol,
                series,
                found.intervals()[-INTERVALS_MAX:],
                self.newest.get(symbol),
                self._oldest.get(symbol),
            )
            for (symbol, series), found in self._seen.items()
        ]
        return Seen(self.exchange, self.epoch, self.seq, ids, self._missing.oldest(GAPS_MAX))

    def open_unexplained(self) -> list[Gap]:
        """Open, and return, the holes in what Postgres has that no gap has explained for long.

        A journal that was lost or spoilt leaves such. To be called once a minute, and only while
        nothing of the journal is waiting to be stored.

        Raises:
            Fenced: the cursor in Postgres is another than ours.
            psycopg.Error: nothing is known; make a new ledger.
        """
        found = self._missing.unexplained(self._seen, self._ends)
        if found:
            with self._connection.transaction():
                self._fence()
                self._open(found, UNEXPLAINED)
        return found

    def _fence(self) -> None:
        found = cursors.lock(self._connection, CONSUMER, self.exchange)
        if found != self._cursor:
            raise Fenced(f"the cursor of {self.exchange} is {found}, not {self._cursor}")

    def _corrected(
        self, merged: dict[tuple[str, int, int], Candle], new: Iterable[Trade]
    ) -> list[CandleUpdate]:
        before = dict(self.newest)
        for symbol, interval_s, ts_open in merged:
            if interval_s == MINUTE_S:
                self._oldest[symbol] = min(ts_open, self._oldest.get(symbol, ts_open))
        for trade in new:
            if trade.ts_event > self.newest.get(trade.symbol, 0):
                self.newest[trade.symbol] = trade.ts_event
            key = (trade.symbol, trade.series)
            if trade.trade_id > self._ends.get(key, -1):
                self._ends[key] = trade.trade_id
        return [
            candle.update(self.exchange, (symbol, interval_s, ts_open), total, closed=True)
            for (symbol, interval_s, ts_open), total in merged.items()
            if ts_open + interval_s * 1_000_000 <= before.get(symbol, 0)
        ]


def _poison(refused: Refused[Trade]) -> Quarantined:
    """Return the record of a trade that cannot be stored."""
    trade = refused.row
    return Quarantined(
        symbol=trade.symbol,
        trade_id=trade.trade_id,
        ts_recv=trade.ts_recv,
        reason=f"the database refuses it: {refused.reason}",
        frame=_shown(trade),
        series=trade.series,
    )


def _bare(refused: Refused[Quarantined]) -> Quarantined:
    """Return the record of a record that cannot be stored: all of it is in the frame."""
    reason = f"the database refuses it: {refused.reason}"
    return Quarantined(None, None, refused.row.ts_recv, reason, _shown(refused.row))


def _shown(row: object) -> str:
    return repr(row)[:FRAME_KEPT]

"""What a feed commits: each trade once, in the journal before anybody else hears of it.

In come trades, quarantined items, the persister's position and what Postgres has; out go journal
records, the sends that publish them, and wishes for what is missing. The ids seen are the journal's
own, changed in the same commit. While the disk is full trades go out with ``seq`` None and their
ids stay unseen: they are missing, and are asked for as soon as there is room. It never waits for
anybody: what the bus does not take, the consumers read from the journal.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from bus import topics
from bus.actor import Instant, Send
from bus.errors import JournalFull
from bus.heartbeat import Health
from bus.journal import FULL_PAGE, JournalWriter
from bus.log import Log
from bus.messages import (
    Gap,
    GapOpened,
    JournalRecord,
    QuarantineBatch,
    Quarantined,
    Stored,
    Trade,
    TradeBatch,
    encode,
)
from market.sequence import IdSet
from procs.feed.cap import given_up, missing
from procs.feed.exchanges import Ids
from procs.feed.holes import JUMP_MAX, Frontier, Holes, Key
from procs.feed.numbering import Numbering

NOTE_STORED_EVERY_US = 10_000_000
ANEW_US = 1_000_000
"""A trade that is so much later than the newest has a higher id than that."""
SERIES_IDS_MAX = 100_000
"""So many ids before a new series' first one are fetched at most: a hundred calls."""
CROWDED = 0.75
"""A journal that takes up this share of its cap at the start was full, as far as anybody knows."""
CAP_GRACE_US = 10_000_000
"""Nothing is given up so soon after the start: the persister has not said yet how far it is."""


class Commits:
    """One exchange's journal and the ids in it.

    Args:
        exchange: its name.
        journal: where it goes; nobody else writes there.
        health: what the process says of itself.
        log: for what a person must know.
        keep_us: how long a stored record stays in the journal.
        ids: what the exchange's ids are good for. Where there are none, the journal numbers them.
        series: of the symbols whose ids the exchange has begun anew.
    """

    def __init__(
        self,
        exchange: str,
        journal: JournalWriter,
        health: Health,
        log: Log,
        *,
        keep_us: int,
        ids: Ids,
        series: Mapping[str, int] | None = None,
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._health = health
        self._log = log
        self._keep_us = keep_us
        self.gapless = ids == "consecutive"
        """Any id that is missing is a gap."""
        self._latest_only = ids == "latest"
        self.series = dict(series or {})
        """Of the symbols whose ids the exchange has begun anew; 0 of all others."""
        self.newest_at: dict[Key, int] = {}
        """``ts_event`` of the newest trade of each (symbol, series), as far as it is known."""
        stored = {key: IdSet(found) for key, found in journal.seen().items()}
        self.ids = {key: ids for key, ids in stored.items() if key[1] >= 0}
        self._numbering = Numbering(journal.born_s, self.ids) if ids == "none" else None
        self.frontiers = {key: Frontier(ids) for key, ids in self.ids.items()}
        gone = {(symbol, ~series): ids for (symbol, series), ids in stored.items() if series < 0}
        self.holes = Holes(gone)
        """What is missing, for ``gaps`` to look after."""
        self.resumed: set[Key] = set()
        """Those that were not subscribed for a while: their next trade is where they go on."""
        self.passed_by: list[Gap] = []
        """What is not to be fetched: of the time on standby, of an older series, or given up."""
        self._symbol_seqs = journal.symbol_seqs()
        self._stored_seq = self._stored_noted = journal.stored_seq()
        self._crowded_to = journal.last_seq if journal.over_cap(CROWDED) else 0
        self._stored_note_at = 0
        self._cap_from: int | None = None
        self.journal_ok = True
        """False while the journal takes nothing."""
        self._positions()

    # ---- ids

    def see(
        self, symbol: str, series: int, trade_id: int, ts_event: int | None, now: Instant
    ) -> bool:
        """Count an id as seen, and those that it passes over as missing; False if it was seen.

        ``ts_event`` is None where the trade's time is not believed.
        """
        key = (symbol, series)
        ids = self.ids.get(key)
        if ids is None:
            ids = self.ids[key] = IdSet()
            self.frontiers[key] = Frontier(ids)
        if not ids.add(trade_id):
            return False
        if ts_event is None:
            return True
        frontier = self.frontiers[key]
        if series and frontier.last is None:
            self._begin_series(key, trade_id, now)
        if self.resumed and key in self.resumed:
            passed = self._resume(key, frontier, trade_id)
        else:
            passed = frontier.passed(trade_id)
        if passed is not None and self.gapless:
            self.holes.jumped(key, *passed, self.newest_at.get(key), now.mono)
        if trade_id == frontier.last:
            self.newest_at[key] = ts_event
        else:
            self.holes.late(key, trade_id, ids, now.mono)
        return True

    def advance(self, trade: Trade) -> bool:
        """Count the time of an update as seen, and all before it; False if one that late was."""
        return self.ids.setdefault((trade.symbol, trade.series), IdSet()).advance(trade.trade_id)

    def _begin_series(self, key: Key, trade_id: int, now: Instant) -> None:
        """Note as missing what was quarantined until the series was raised, as far as it can be.

        An id that the series before has too is not asked for: what REST has may be the old trade.
        """
        first, last = max(1, trade_id - SERIES_IDS_MAX), trade_id - 1
        if not self.gapless or first > last:
            return
        before = self.ids.get((key[0], key[1] - 1), IdSet())
        unknown = before.missing(first, last)
        for low, high in unknown:
            self.holes.jumped(key, low, high, None, now.mono)
        both = IdSet(unknown).missing(first, last)
        self.passed_by += [Gap(key[0], low, high, key[1]) for low, high in both]

    def _resume(self, key: Key, frontier: Frontier, trade_id: int) -> tuple[int, int] | None:
        """Go on after a pause of our own: what is a few calls away is fetched, more is not."""
        self.resumed.discard(key)
        passed = frontier.follow(trade_id)
        if passed is None or passed[1] - passed[0] < JUMP_MAX:
            return passed
        missing = self.ids[key].missing(*passed)
        self.passed_by += [Gap(key[0], low, high, key[1]) for low, high in missing]
        return None

    def began_anew(self, trade: Trade) -> bool:
        """Return whether an id is one that an exchange gives which has begun its ids anew.

        It is far below all that were seen, or it was seen and this trade is later than the newest.
        An id that was not seen is believed: its trade cannot be counted twice.
        """
        key = (trade.symbol, trade.series)
        ids = self.ids.get(key)
        if not self.gapless or ids is None or ids.first is None:
            return False
        if trade.trade_id < ids.first - JUMP_MAX:
            return True
        newest, end = self.newest_at.get(key), self.frontiers[key].last
        if newest is None or end is None or trade.trade_id > end:
            return False  # an id beyond is the newest itself, although nothing has confirmed it yet
        return trade.ts_event > newest + ANEW_US and trade.trade_id in ids

    def know(self, key: Key, intervals: Iterable[tuple[int, int]]) -> bool:
        """Count ids as seen that Postgres has; return whether some of them are news."""
        ids = self.ids.setdefault(key, IdSet())
        news = [part for low, high in intervals for part in ids.missing(low, high)]
        for low, high in news:
            ids.add_range(low, high)
        if news or key not in self.frontiers:
            self.frontiers[key] = Frontier(ids)
        return bool(news)

    def key_of(self, symbol: str) -> Key:
        """Return the symbol with its present series."""
        return symbol, self.series.get(symbol, 0)

    def newest(self, symbol: str) -> int | None:
        """Return how far the ids of a symbol's present series have come."""
        frontier = self.frontiers.get(self.key_of(symbol))
        return frontier.last if frontier else None

    def symbols(self) -> set[str]:
        """Return the symbols that have had trades, in whatever life."""
        return {symbol for (symbol, _), ids in self.ids.items() if ids.last is not None}

    # ---- records

    def commit(
        self,
        trades: list[Trade],
        items: list[Quarantined],
        counts: Mapping[str, int],
        now: Instant,
    ) -> Sequence[Send]:
        """Journal what came in one wake, as one commit, and return what publishes it.

        ``counts`` says how many of the trades each symbol has. Trades without ids get theirs here.
        """
        records: list[JournalRecord] = []
        first = seq = self._journal.last_seq + 1
        epoch = self._journal.epoch
        if trades:
            previous = {symbol: self._symbol_seqs.get(symbol) for symbol in counts}
            numbered = self._numbering.number(trades, counts) if self._numbering else trades
            records.append(
                TradeBatch(self._exchange, epoch, seq, numbered, previous, self._latest_only)
            )
            seq += 1
        if items:
            records.append(QuarantineBatch(self._exchange, epoch, seq, items))
        bodies = [encode(record) for record in records]
        if not self._append(bodies, dict.fromkeys(counts, first), now):
            return self._not_stored(trades, items, counts, now)
        self._health.counters["trades"] += len(trades)
        self._health.counters["batches"] += len(records)
        return self._both(bodies)

    def journal(
        self, made: Callable[[str, int, int], JournalRecord], now: Instant
    ) -> list[Send] | None:
        """Journal one record of (exchange, epoch, seq) and return what publishes it.

        None when the disk is full: then nothing has happened.
        """
        seq = self._journal.last_seq + 1
        body = encode(made(self._exchange, self._journal.epoch, seq))
        return self._both([body]) if self._append([body], {}, now) else None

    def _both(self, bodies: Sequence[bytes]) -> list[Send]:
        topic = topics.batch(self._exchange)
        sends = [Send("out", topic, body) for body in bodies]
        return sends + [Send("persister", b"", body) for body in bodies]

    def _append(self, bodies: Sequence[bytes], symbol_seqs: dict[str, int], now: Instant) -> bool:
        """Append to the journal; on a full disk make room and try once more."""
        gone = {(symbol, ~series): ids for (symbol, series), ids in self.holes.gone.items()}
        changed = {key: ids for key, ids in (self.ids | gone).items() if ids.touched}
        seen = {key: ids.take_touched() for key, ids in changed.items()}
        for attempt in range(2):
            try:
                self._journal.append(bodies, now.wall, seen, symbol_seqs)
            except JournalFull as full:
                self._health.last_error = str(full)
                if self.journal_ok:
                    self._log.error("journal.full", advice="free some disk space")
                self.journal_ok = False
                if attempt == 0 and self._make_room():
                    continue
                for key, ids in changed.items():
                    ids.touch_again(seen[key])
                return False
            break
        if not self.journal_ok:
            self._log.warning("journal.recovered")
            self.journal_ok = True
        self._symbol_seqs.update(symbol_seqs)
        self._positions()
        return True

    def _make_room(self) -> bool:
        """Use the reserve to delete what is stored; return whether anything was gained."""
        try:
            gained = self._journal.release_reserve()
            return self._journal.drop(self._stored_seq, FULL_PAGE) > 0 or gained
        except JournalFull:
            return False

    def _not_stored(
        self,
        trades: list[Trade],
        items: list[Quarantined],
        counts: Mapping[str, int],
        now: Instant,
    ) -> list[Send]:
        """Publish the trades without a position, and forget their ids: they can come again.

        Those that were to be numbered go out without a number, as they came. They are lost.
        """
        sends = []
        if self._numbering is not None:
            self._numbering.take_back(counts)
        else:
            for trade in trades:
                self._forget((trade.symbol, trade.series), trade.trade_id, now)
        for item in items:
            if item.symbol is not None and item.trade_id is not None:
                self._forget((item.symbol, item.series), item.trade_id, now)
        if trades:
            epoch, latest_only = self._journal.epoch, self._latest_only
            loose = TradeBatch(self._exchange, epoch, None, trades, {}, latest_only)
            sends.append(Send("out", topics.batch(self._exchange), encode(loose)))
            self._health.counters["not_stored"] += len(trades)
        return sends

    def _forget(self, key: Key, trade_id: int, now: Instant) -> None:
        """Count an id as missing that was seen and could not be journalled."""
        self.ids[key].forget_new(trade_id)
        if self.gapless:
            self.holes.jumped(key, trade_id, trade_id, self.newest_at.get(key), now.mono)

    def _positions(self) -> None:
        self._health.positions[self._exchange] = (self._journal.epoch, self._journal.last_seq)

    # ---- bounds

    @property
    def crowded(self) -> bool:
        """True from when the journal was full until Postgres has stored what was in it then."""
        return self._stored_seq < self._crowded_to

    def stored(self, message: Stored) -> None:
        """Take the persister's position: what lies before it may be trimmed."""
        if message.exchange == self._exchange and message.epoch == self._journal.epoch:
            self._stored_seq = max(self._stored_seq, message.seq)

    def refill_reserve(self) -> None:
        """Set disk aside again for the day it is full, once there is some."""
        if self.journal_ok:
            self._journal.refill_reserve()

    def keep_within_bounds(self, now: Instant) -> Sequence[Send]:
        """Trim what is stored and old; at the cap give up the oldest."""
        if self._cap_from is None:
            self._cap_from = now.mono + CAP_GRACE_US
        try:
            self._journal.trim(self._stored_seq, now.wall - self._keep_us)
            if self._stored_seq != self._stored_noted and now.mono >= self._stored_note_at:
                self._stored_note_at = now.mono + NOTE_STORED_EVERY_US
                self._journal.note_stored(self._stored_seq)
                self._stored_noted = self._stored_seq
            if now.mono >= self._cap_from and self._journal.over_cap():
                return self._drop_oldest(now)
        except JournalFull as full:
            self._health.last_error = str(full)
        return ()

    def _drop_oldest(self, now: Instant) -> list[Send]:
        """At the cap: give up the oldest records, after journalling what is lost with them."""
        oldest = self._journal.oldest()
        trades, gaps = given_up(oldest, self._stored_seq)
        if not self.gapless:  # nobody has them any more: no gap of them could ever be filled
            self._dropped(trades)
            trades, gaps = {}, {}
        for key, ids in trades.items():
            for low, high in ids.intervals():
                self.ids[key].remove_range(low, high)
        lost = [
            Gap(symbol, first, last, series)
            for (symbol, series), ids in missing(trades, gaps, self.ids).items()
            for first, last in ids.intervals()
        ]
        sends: list[Send] = []
        if lost:
            reason = "the journal reached its cap before Postgres had them"
            told = self.journal(
                lambda name, epoch, seq: GapOpened(name, epoch, seq, lost, reason), now
            )
            if told is None:
                for key, ids in trades.items():
                    for low, high in ids.intervals():
                        self.ids[key].add_range(low, high)
                return sends
            self._crowded_to = self._journal.last_seq
            for gap in lost:
                present = (gap.symbol, gap.series) == self.key_of(gap.symbol)
                self.passed_by += self.holes.open_rest(gap, now.mono) if present else [gap]
            self._health.counters["gaps_opened"] += len(lost)
            self._dropped(trades)
            sends = told
        if oldest:
            self._journal.drop(oldest[-1].seq)
        return sends

    def _dropped(self, trades: Mapping[Key, IdSet]) -> None:
        dropped = sum(len(ids) for ids in trades.values())
        self._health.counters["dropped_at_cap"] += dropped
        if dropped:
            self._log.error("journal.cap", dropped=dropped)

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

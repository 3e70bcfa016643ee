"""The feed's actor: events of an exchange in, journal records out, each trade once.

What came in one wake is one commit and one batch on the bus. A trade whose id was seen is a
duplicate and dropped; one that is not believed is quarantined, and its id counts as seen. Nothing
is published before it is in the journal, except while the disk is full: then trades go out with
``seq`` None and their ids stay unseen, so that they can still be had later.

It never waits for anybody: what the bus does not take, the consumers read from the journal.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from bus import topics
from bus.actor import Idle, Instant, Reader, Send
from bus.errors import BadFrame, JournalFull
from bus.heartbeat import Health
from bus.journal import FULL_PAGE, JournalWriter
from bus.log import Log
from bus.messages import (
    FeedStatus,
    Gap,
    GapOpened,
    JournalRecord,
    QuarantineBatch,
    Quarantined,
    Stored,
    Trade,
    TradeBatch,
    decode,
    encode,
)
from market.sequence import IdSet
from procs.feed.cap import given_up, missing
from procs.feed.connection import Connection
from procs.feed.exchanges import ID_MAX, Beat, Closing, Exchange, Refused, quarantined
from procs.feed.listing import Listings
from procs.feed.watch import SymbolWatch

DAY_US = 86_400_000_000
BAD_FRAMES_KEPT = 20
STATUS_EVERY_US = 1_000_000
COUNTS_EVERY_US = 60_000_000
NOTE_STORED_EVERY_US = 10_000_000
CAP_GRACE_US = 10_000_000
"""Nothing is given up so soon after the start: the persister has not said yet how far it is."""


class Feed(Idle):
    """One exchange's feed. ``on_frame`` fills it, ``on_wake`` commits and publishes.

    Args:
        exchange: whose events these are.
        symbols: the configured ones.
        journal: where they go; nobody else writes there.
        health: what the process says of itself.
        log: for life cycle and once-a-minute counts.
        stale_after_us: age after which a price may be called stale.
        keep_us: how long a stored record stays in the journal.
        keep_bad_frames: takes the last bad frames, once a second, when there are new ones.
    """

    def __init__(
        self,
        exchange: Exchange,
        symbols: Sequence[str],
        journal: JournalWriter,
        health: Health,
        log: Log,
        *,
        stale_after_us: int,
        keep_us: int,
        keep_bad_frames: Callable[[Iterable[str]], None],
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._health = health
        self._log = log
        self._stale_after_us = stale_after_us
        self._keep_us = keep_us
        self._keep_bad_frames = keep_bad_frames
        self.connection: Connection | None = None
        self.listings: Listings | None = None
        self._ids = {key: IdSet(found) for key, found in journal.seen().items()}
        self._symbol_seqs = journal.symbol_seqs()
        self._watches = {symbol: SymbolWatch(symbol) for symbol in symbols}
        self._trades: list[Trade] = []
        self._quarantined: list[Quarantined] = []
        self._bad_frames: deque[str] = deque(maxlen=BAD_FRAMES_KEPT)
        self._bad_frames_kept = 0
        self._stored_seq = self._stored_noted = journal.stored_seq()
        self._stored_note_at = 0
        self._cap_from: int | None = None
        self._journal_ok = True
        self._next_status = 0
        self._next_counts = 0
        self._last_state: tuple[str, str] | None = None
        self._positions()

    # ---- in: the exchange's messages

    def on_frame(self, frame: bytes, now: Instant) -> bool:
        """Take one message of the exchange; return whether it was data."""
        try:
            events = self._exchange.parse(frame, now.wall)
        except BadFrame as bad:
            self._bad(str(bad), frame, now)
            return False
        data = False
        for event in events:
            if isinstance(event, Trade):
                data = True
                self._trade(event, frame, now)
            elif isinstance(event, Beat):
                data = True
                self._beat(event, now)
            elif isinstance(event, Quarantined):
                self._quarantine(event)
            elif isinstance(event, Closing) and self.connection is not None:
                self.connection.replace(event.reason)
            elif isinstance(event, Refused):
                if event.reason != self._health.last_error:  # a flood of them is one line
                    self._log.warning("feed.refused", reason=event.reason)
                self._health.last_error = event.reason
        return data

    def _trade(self, trade: Trade, frame: bytes, now: Instant) -> None:
        if not 0 <= trade.trade_id <= ID_MAX:
            self._bad("a trade id out of range", frame, now)
            return
        if not self._plausible(trade.ts_event, now):
            # A number of thousands of digits is not written out: Python refuses to.
            shown = f"{trade.ts_event} µs" if abs(trade.ts_event) < 1 << 63 else "beyond 64 bits"
            reason = f"an implausible time: {shown}"
            self._quarantine(quarantined(trade.symbol, trade.trade_id, now.wall, reason, frame))
            return
        key = (trade.symbol, trade.series)
        ids = self._ids.get(key)
        if ids is None:
            ids = self._ids[key] = IdSet()
        if ids.add(trade.trade_id):
            self._trades.append(trade)
        else:
            self._health.counters["duplicates"] += 1

    def _plausible(self, ts_event: int, now: Instant) -> bool:
        """Return whether a time is within a day of the exchange's own, as it last told us."""
        offset = self.connection.clock_offset_us if self.connection else now.wall - now.mono
        return -DAY_US <= ts_event - (now.mono + offset) <= DAY_US

    def _quarantine(self, item: Quarantined) -> None:
        if item.symbol is not None and item.trade_id is not None and 0 <= item.trade_id <= ID_MAX:
            ids = self._ids.setdefault((item.symbol, item.series), IdSet())
            if not ids.add(item.trade_id):
                self._health.counters["duplicates"] += 1
                return
        self._quarantined.append(item)
        self._health.counters["quarantined"] += 1

    def _beat(self, beat: Beat, now: Instant) -> None:
        ids = self._ids.get((beat.symbol, 0))
        watch = self._watches.get(beat.symbol)
        if watch is not None:
            watch.beat(ids.last if ids else None, beat.last_trade_id, now.mono)

    def _bad(self, reason: str, frame: bytes, now: Instant) -> None:
        self._health.counters["bad_frames"] += 1
        self._bad_frames.append(f"{now.wall} {reason}: {frame[:500]!r}")

    # ---- in: the bus

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take the persister's position: what lies before it may be trimmed."""
        message = decode(frames[1])
        if (
            isinstance(message, Stored)
            and message.exchange == self._exchange.name
            and message.epoch == self._journal.epoch
        ):
            self._stored_seq = max(self._stored_seq, message.seq)
        return ()

    # ---- out

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Commit what came in since the last wake, then publish it."""
        if not self._trades and not self._quarantined:
            return ()
        trades, self._trades = self._trades, []
        items, self._quarantined = self._quarantined, []
        records: list[JournalRecord] = []
        seq = self._journal.last_seq
        name, epoch = self._exchange.name, self._journal.epoch
        counts = Counter(trade.symbol for trade in trades)
        if trades:
            seq += 1
            previous = {symbol: self._symbol_seqs.get(symbol) for symbol in counts}
            records.append(TradeBatch(name, epoch, seq, trades, previous))
        if items:
            seq += 1
            records.append(QuarantineBatch(name, epoch, seq, items))
        for symbol, count in counts.items():  # that they came does not depend on the disk
            watch = self._watches.get(symbol)
            if watch is not None:
                watch.traded(count, now.wall, now.mono)
        bodies = [encode(record) for record in records]
        if not self._commit(bodies, dict.fromkeys(counts, self._journal.last_seq + 1), now):
            return self._not_stored(records)
        self._health.counters["trades"] += len(trades)
        self._health.counters["batches"] += len(records)
        return self._both(bodies)

    def _both(self, bodies: Sequence[bytes]) -> list[Send]:
        topic = topics.batch(self._exchange.name)
        sends = [Send("out", topic, body) for body in bodies]
        return sends + [Send("persister", b"", body) for body in bodies]

    def _commit(self, bodies: Sequence[bytes], symbol_seqs: dict[str, int], now: Instant) -> bool:
        """Append to the journal; on a full disk make room and try once more."""
        seen = {key: touched for key, ids in self._ids.items() if (touched := ids.take_touched())}
        for attempt in range(2):
            try:
                self._journal.append(bodies, now.wall, seen, symbol_seqs)
            except JournalFull as full:
                self._health.last_error = str(full)
                if self._journal_ok:
                    self._log.error("journal.full", advice="free some disk space")
                self._journal_ok = False
                if attempt == 0 and self._make_room():
                    continue
                return False
            break
        if not self._journal_ok:
            self._log.warning("journal.recovered")
            self._journal_ok = True
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

    def _not_stored(self, records: Sequence[JournalRecord]) -> list[Send]:
        """Publish the trades without a position, and forget their ids: they can come again."""
        sends = []
        for record in records:
            if isinstance(record, TradeBatch):
                for trade in record.trades:
                    ids = self._ids[trade.symbol, trade.series]
                    ids.remove_range(trade.trade_id, trade.trade_id)
                loose = TradeBatch(record.exchange, record.epoch, None, record.trades, {})
                topic = topics.batch(self._exchange.name)
                sends.append(Send("out", topic, encode(loose)))
                self._health.counters["not_stored"] += len(record.trades)
            elif isinstance(record, QuarantineBatch):
                for item in record.items:
                    if item.symbol is not None and item.trade_id is not None:
                        ids = self._ids[item.symbol, item.series]
                        ids.remove_range(item.trade_id, item.trade_id)
        # The file still holds the intervals from before these trades, as memory does now.
        for ids in self._ids.values():
            ids.take_touched()
        return sends

    def _positions(self) -> None:
        self._health.positions[self._exchange.name] = (self._journal.epoch, self._journal.last_seq)

    # ---- time

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Move the connection, trim the journal, publish the status."""
        sends: list[Send] = []
        if self.connection is not None:
            self.connection.on_tick(now)
            # What an ending connection still brought is committed with its own ids, before any
            # other commit takes them along.
            sends += self.on_wake(now)
            self._health.counters["reconnects"] = self.connection.reconnects
            self._health.counters["handovers"] = self.connection.handovers
            self._health.counters["oversized"] = self.connection.oversized
        sends += self._keep_within_bounds(now)
        state = (self.connection.state, self.connection.circuit) if self.connection else None
        if now.mono >= self._next_status or state != self._last_state:
            if now.mono >= self._next_status:
                self._next_status = now.mono + STATUS_EVERY_US
                self._each_second(now)
            self._last_state = state
            status = self.status(now)
            sends.append(Send("out", topics.status(self._exchange.name), encode(status)))
        if now.mono >= self._next_counts:
            self._next_counts = now.mono + COUNTS_EVERY_US
            self._log.info("feed.counts", **self._health.counters)
        return sends

    def _keep_within_bounds(self, now: Instant) -> list[Send]:
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
        return []

    def _each_second(self, now: Instant) -> None:
        if self._journal_ok:
            self._journal.refill_reserve()
        if self._bad_frames_kept != self._health.counters["bad_frames"]:
            self._bad_frames_kept = self._health.counters["bad_frames"]
            self._keep_bad_frames(self._bad_frames)
        line, listings = self.connection, self.listings
        if line is not None and listings is not None:
            listings.on_second(now, line.since if line.state == "connected" else None)
            if listings.complaint is not None and self._journal_ok:
                self._health.last_error = listings.complaint
        for watch in self._watches.values():
            watch.second()
            if self.connection is None or self.connection.state != "connected":
                continue
            if watch.should_resubscribe(now.mono, self._stale_after_us):
                self._log.warning("feed.resubscribe", symbol=watch.symbol)
                self._health.counters["resubscribes"] += 1
                self.connection.send(self._exchange.resubscribe(watch.symbol))

    def _drop_oldest(self, now: Instant) -> list[Send]:
        """At the cap: give up the oldest records, after journalling what is lost with them."""
        oldest = self._journal.oldest()
        trades, gaps = given_up(oldest, self._stored_seq)
        for key, ids in trades.items():
            for low, high in ids.intervals():
                self._ids[key].remove_range(low, high)
        lost = [
            Gap(symbol, first, last, series)
            for (symbol, series), ids in missing(trades, gaps, self._ids).items()
            for first, last in ids.intervals()
        ]
        sends: list[Send] = []
        if lost:
            reason = "the journal reached its cap before Postgres had them"
            seq = self._journal.last_seq + 1
            body = encode(GapOpened(self._exchange.name, self._journal.epoch, seq, lost, reason))
            if not self._commit([body], {}, now):
                for key, ids in trades.items():
                    for low, high in ids.intervals():
                        self._ids[key].add_range(low, high)
                return sends
            dropped = sum(len(ids) for ids in trades.values())
            self._health.counters["dropped_at_cap"] += dropped
            self._log.error("journal.cap", dropped=dropped)
            sends = self._both([body])
        if oldest:
            self._journal.drop(oldest[-1].seq)
        return sends

    def status(self, now: Instant) -> FeedStatus:
        """Return the state of the connection and of each symbol."""
        line = self.connection
        connected = line is not None and line.state == "connected"
        symbols = [
            watch.status(now.mono, self._stale_after_us, connected=connected)
            for watch in self._watches.values()
        ]
        return FeedStatus(
            exchange=self._exchange.name,
            state=line.state if line else "idle",
            circuit=line.circuit if line else "open",
            since=line.since if line else 0,
            attempt=line.attempt if line else 0,
            next_try=line.next_try if line else None,
            reason=line.reason if line else None,
            gapless=self._exchange.gapless,
            symbols=[self.listings.of(one) for one in symbols] if self.listings else symbols,
            journal_ok=self._journal_ok,
            ts=now.wall,
        )

    def on_drain(self, now: Instant) -> Sequence[Send]:
        """Close the connection; what had arrived is committed."""
        if self.connection is not None:
            self.connection.close()
        if self.listings is not None:
            self.listings.close()
        sends = list(self.on_wake(now))
        self._journal.close()
        return sends

    def readers(self) -> Sequence[Reader]:
        """Return the exchange's open sockets."""
        return self.connection.readers if self.connection is not None else ()

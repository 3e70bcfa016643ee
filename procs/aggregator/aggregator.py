"""The aggregator's actor: trades in, tickers, candles and averages out, each at most every 50 ms.

It starts from one snapshot of Postgres and the journals from there; with Postgres down from the
journals alone, everything marked partial, until the snapshot can be had. What it has published last
under each topic goes again to whoever subscribes. Its stream has an epoch and a seq of its own, by
which a browser can tell whether it has missed something.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import assert_never

import msgspec

from bus import topics
from bus.actor import Idle, Instant, Send
from bus.follow import Follower, journals, tell
from bus.heartbeat import Health
from bus.held import Held
from bus.log import Log
from bus.messages import (
    Average,
    Candle,
    CandleUpdate,
    Consolidated,
    Day,
    FeedStatus,
    GapOpened,
    GapUnfillable,
    History,
    JournalRecord,
    QuarantineBatch,
    Ticker,
    TradeBatch,
    decode,
    decode_record,
    encode,
)
from market import candle
from market.candle import Key
from market.coalesce import Coalescer
from procs.aggregator.consolidating import Consolidating
from procs.aggregator.day import completed
from procs.aggregator.memory import HOUR_S, MINUTE_S, Memory
from procs.aggregator.selfcheck import Asking, SelfCheck
from procs.aggregator.snapshot import Loading, Snapshot

PUBLISH_EVERY_US = 50_000
RETRY_US = 2_000_000
PATIENCE_US = 3_000_000
"""So long the first start waits for Postgres before it begins with the journals alone."""
FIND_EVERY_US = 1_000_000


class Aggregator(Idle):
    """The live view of all exchanges.

    Args:
        journal_dir: where the journals are; a new one is found within a second.
        load: begins to read a snapshot of Postgres.
        ask: begins to read what the self-check compares with.
        health: what the process says of itself.
        log: for life cycle and trouble.
    """

    def __init__(
        self,
        journal_dir: Path,
        load: Callable[[], Loading],
        ask: Asking,
        health: Health,
        log: Log,
    ) -> None:
        self._journal_dir = journal_dir
        self._load = load
        self._health = health
        self._log = log
        self._epoch = secrets.randbits(53) | 1
        self._seq = 0
        self._memories: dict[str, Memory] = {}
        self._followers: dict[str, Follower] = {}
        self._changed: Coalescer[tuple[str, str], None] = Coalescer(PUBLISH_EVERY_US)
        self._dirty: dict[tuple[str, str], set[Key]] = {}
        self._partly: dict[str, set[Key]] = {}
        """Candles that were published as partial: a base brings what they lacked."""
        self._held = Held()
        self._prices = Consolidating()
        self._days: dict[tuple[str, str], Day] = {}
        """What exchanges say themselves of a symbol's last 24 hours."""
        self._check = SelfCheck(ask, health, log)
        self._differing: dict[str, set[Key]] = {}
        """Candles to be published again once they are as Postgres has them."""
        self._loading: Loading | None = load()
        self._based = False
        """True once a snapshot of Postgres is the base."""
        self._started: int | None = None
        self._retry_at = 0
        self._find_at = 0
        health.state = "waiting: database"

    # ---- in

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take a record, a heartbeat, a corrected candle, an exchange's own, or a subscription."""
        if source == "out":
            return self._subscribed(frames[0])
        if source == "corrected":
            return self._corrected(decode(frames[1]))
        if source == "heartbeats":
            tell(self._followers, frames[1])
            return ()
        if source == "status":
            return self._heard(decode(frames[1]), now)
        record = decode_record(frames[1])
        follower = self._followers.get(record.exchange)
        if follower is not None and follower.take(record):
            self._apply(record, now)
        elif record.seq is None and isinstance(record, TradeBatch):
            self._glimpse(record)
        return ()

    def _heard(self, status: object, now: Instant) -> Sequence[Send]:
        if isinstance(status, FeedStatus):
            self._prices.heard(status, now)
            for one in status.symbols:
                where = (status.exchange, one.symbol)
                if one.day is not None and one.day != self._days.get(where):
                    self._days[where] = one.day
                    if status.exchange in self._memories:
                        self._changed.offer(where, None)
        return ()

    def _glimpse(self, batch: TradeBatch) -> None:
        """Show the price of trades that could not be journalled; they are not counted."""
        memory = self._memories.get(batch.exchange)
        if memory is not None:
            for trade in batch.trades:
                memory.glimpse(trade)
                self._changed.offer((batch.exchange, trade.symbol), None)

    def _apply(self, record: JournalRecord, now: Instant) -> None:
        assert record.seq is not None
        self._health.positions[record.exchange] = (record.epoch, record.seq)
        memory = self._memories[record.exchange]
        if isinstance(record, TradeBatch):
            keys = memory.fold(record.trades, now.mono, latest_only=record.latest_only)
            self._check.folded(record.exchange, keys)
            self._mark(record.exchange, keys)
            self._health.counters["trades"] += len(record.trades)
            if record.trades:
                self._health.lag_us = now.wall - record.trades[-1].ts_recv
        elif isinstance(record, QuarantineBatch):
            self._mark(record.exchange, memory.pass_over(record.items))
        elif isinstance(record, GapOpened | GapUnfillable):
            self._mark(record.exchange, memory.lack(record.gaps))
        else:
            assert_never(record)

    def _mark(self, exchange: str, keys: Iterable[Key]) -> None:
        """Let these candles, and the tickers of their symbols, be published."""
        for key in keys:
            where = (exchange, key[0])
            self._dirty.setdefault(where, set()).add(key)
            self._changed.offer(where, None)

    def _subscribed(self, frame: bytes) -> list[Send]:
        """Send what stands under the topics of a new subscription."""
        if frame[:1] != b"\x01":
            return []
        return [Send("out", *held) for held in self._held.under(frame[1:])]

    def _corrected(self, update: object) -> list[Send]:
        """Pass on a candle that the persister corrected and that is older than the memory.

        An hour goes out with its average, as one that is remembered does.
        """
        if isinstance(update, History):
            self._published(update)
        if not isinstance(update, CandleUpdate):
            return []
        memory = self._memories.get(update.exchange)
        key = (update.symbol, update.interval_s, update.ts_open)
        if memory is None or key in memory.candles:
            return []
        return self._publish_both(memory, key, candle.from_update(update), closed=True)

    def _published(self, found: History) -> None:
        """Take an exchange's own minutes, for the 24 hours of its tickers."""
        memory = self._memories.get(found.exchange)
        if memory is not None and found.interval_s == MINUTE_S:
            memory.published(found.symbol, found.candles)
            if found.symbol in memory.last:
                self._changed.offer((found.exchange, found.symbol), None)

    # ---- out

    def busy(self) -> bool:
        """Return whether a journal has more to read."""
        return any(follower.behind for follower in self._followers.values())

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Read on where a journal is ahead, then publish what is due."""
        for follower in self._followers.values():
            for record in follower.read():
                self._apply(record, now)
            if follower.skipped and self._based:
                self._rebuild(follower.exchange, now)
        if self.busy():
            return ()  # what is known now is not the present yet
        sends: list[Send] = []
        for (exchange, symbol), _ in self._changed.due(now.mono):
            keys = self._dirty.pop((exchange, symbol), set())
            memory = self._memories[exchange]
            if symbol in memory.last:  # only glimpsed, before the memory was made anew
                sends += self._publish_symbol(memory, symbol, keys, now)
                self._prices.traded(exchange, symbol)
        sends += [self._publish(price) for price in self._prices.due(self._memories, now)]
        return sends

    def _publish_symbol(
        self, memory: Memory, symbol: str, keys: set[Key], now: Instant
    ) -> list[Send]:
        day = self._days.get((memory.exchange, symbol))
        ticker = completed(memory.ticker(symbol, now.mono), day)
        sends = [self._publish(ticker)]
        for key in sorted(keys, key=lambda key: (key[2], key[1])):
            sends += self._publish_candle(memory, key, closed=memory.closed(key, now.mono))
        return sends

    def _publish_candle(self, memory: Memory, key: Key, *, closed: bool) -> list[Send]:
        made = memory.candles.get(key)
        if made is None:
            return []
        return self._publish_both(memory, key, made, closed=closed)

    def _publish_both(self, memory: Memory, key: Key, made: Candle, *, closed: bool) -> list[Send]:
        """Publish a candle, and of an hour the average too."""
        symbol, interval_s, ts_open = key
        partial = memory.is_partial(symbol, interval_s, ts_open)
        if partial:
            self._partly.setdefault(memory.exchange, set()).add(key)
        update = candle.update(memory.exchange, key, made, closed=closed, partial=partial)
        sends = [self._publish(update)]
        if interval_s == HOUR_S:
            last_ts = memory.last_ts(symbol, ts_open, made.close_key)
            average = candle.hour_average(
                memory.exchange, symbol, ts_open, made, last_ts, partial=partial
            )
            sends.append(self._publish(average))
        return sends

    def _publish(self, message: Ticker | CandleUpdate | Average | Consolidated) -> Send:
        self._seq += 1
        stamped = msgspec.structs.replace(message, epoch=self._epoch, seq=self._seq)
        if isinstance(stamped, Ticker):
            topic = topics.ticker(stamped.exchange, stamped.symbol)
        elif isinstance(stamped, CandleUpdate):
            topic = topics.candle(stamped.interval_s, stamped.exchange, stamped.symbol)
        elif isinstance(stamped, Average):
            topic = topics.average(stamped.exchange, stamped.symbol)
        else:
            topic = topics.consolidated(stamped.asset)
        payload = encode(stamped)
        self._held.put(topic, stamped, payload)
        self._health.counters["published"] += 1
        self._health.positions["stream"] = (self._epoch, self._seq)
        return Send("out", topic, payload)

    # ---- time

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Announce closed candles, find new journals, come back to a database that was away."""
        if self._started is None:
            self._started = now.mono
        self._prices.on_tick(now)
        if self._loading is not None and self._loading.done.is_set():
            self._loaded(self._loading, now)
        if self._loading is None and not self._based and now.mono >= self._retry_at:
            self._loading = self._load()
        if not self._based and now.mono - self._started < PATIENCE_US:
            return ()
        if now.mono >= self._find_at:
            self._find_at = now.mono + FIND_EVERY_US
            for exchange in journals(self._journal_dir):
                if exchange not in self._followers:
                    self._follow(exchange, (0, 0))
        if self.busy():
            return ()
        if self._based:
            self._differing = self._check.on_tick(now, self._followers, self._memories)
            if self._differing:
                self._begin_anew()
        sends: list[Send] = []
        for memory in self._memories.values():
            if memory.new_hour(now.mono):
                for symbol in memory.last:
                    self._changed.offer((memory.exchange, symbol), None)
            for key in memory.take_closed(now.mono):
                sends += self._publish_candle(memory, key, closed=True)
        return sends

    def _loaded(self, loading: Loading, now: Instant) -> None:
        self._loading = None
        if loading.snapshot is not None:
            self._rest_on(loading.snapshot)
            return
        self._retry_at = now.mono + RETRY_US
        if self._health.last_error != loading.error:
            self._log.warning("aggregator.no_snapshot", reason=loading.error)
        self._health.last_error = loading.error

    def _rest_on(self, snapshot: Snapshot) -> None:
        """Make the snapshot the base; the journals from its cursors on are folded onto it."""
        self._log.info("aggregator.based", cursors=snapshot.cursors)
        self._based = True
        self._health.state = "ready"
        self._health.last_error = None
        for exchange, memory in self._memories.items():
            if exchange in snapshot.memories:  # what came while it was read
                snapshot.memories[exchange].before.join(memory.before)
        self._memories = dict(snapshot.memories)
        for exchange in {*snapshot.cursors, *self._followers}:
            self._follow(exchange, snapshot.cursors.get(exchange, (0, 0)))
        self._check.abandon()
        for exchange, memory in self._memories.items():
            self._mark(exchange, (key for key in memory.candles if not memory.closed(key, 0)))
            self._mark(exchange, self._differing.pop(exchange, ()))
            self._mark(exchange, self._partly.pop(exchange, ()))
            for symbol in memory.last:
                self._changed.offer((exchange, symbol), None)

    def _follow(self, exchange: str, position: tuple[int, int]) -> None:
        follower = self._followers.get(exchange)
        if follower is None:
            follower = Follower(self._journal_dir, exchange, self._health.counters, self._log)
            self._followers[exchange] = follower
        follower.reset(*position)
        if exchange not in self._memories:
            self._memories[exchange] = Memory(exchange, {}, {}, {}, {}, partial=not self._based)

    def _begin_anew(self) -> None:
        """Read all from Postgres again; until that is here, what is known goes on."""
        self._based = False
        self._loading = self._load()

    def _rebuild(self, exchange: str, now: Instant) -> None:
        """The journal went on without us: begin again from Postgres.

        Not at once: as long as the persister's own position is trimmed away, the same would come.
        """
        self._memories[exchange].partial = True
        self._based = False
        self._retry_at = now.mono + RETRY_US

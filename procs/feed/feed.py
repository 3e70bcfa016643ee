"""The feed's actor: events of an exchange in, journal records out, each trade once.

What came in one wake is one commit (``commits``) and one batch on the bus. A trade whose id was
seen is a duplicate and dropped; one that is not believed is quarantined, and its id counts as seen.
It never waits for anybody.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from bus import topics
from bus.actor import Idle, Instant, Reader, Send
from bus.errors import BadFrame
from bus.heartbeat import Health
from bus.journal import JournalWriter
from bus.log import Log
from bus.messages import (
    Day,
    FeedStatus,
    Quarantined,
    Recovered,
    Seen,
    Stored,
    Trade,
    decode,
    encode,
)
from procs.feed import recovered
from procs.feed.bad_frames import BadFrames
from procs.feed.commits import Commits
from procs.feed.exchanges import (
    ID_MAX,
    Beat,
    Closing,
    DayFigures,
    Event,
    Exchange,
    Refused,
    headers_of,
    quarantined,
)
from procs.feed.failover import Failover
from procs.feed.gaps import Gaps
from procs.feed.link import Link, connected_since, status_of
from procs.feed.listing import Listings
from procs.feed.watch import SymbolWatch

DAY_US = 86_400_000_000
RECOVERED_US = 31 * DAY_US
"""Missing trades may be as old as an outage is long."""
ANEW = "the exchange seems to have begun its ids anew"
STATUS_EVERY_US = 1_000_000
COUNTS_EVERY_US = 60_000_000


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
        series: the setting ``SERIES``, of all exchanges.
        failover: which of the symbols only stand in for others.
        speaking_for: makes the exchange for some of the symbols; by default as it is.
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
        series: Mapping[tuple[str, str], int] | None = None,
        failover: Failover | None = None,
        speaking_for: Callable[[tuple[str, ...]], Exchange] | None = None,
    ) -> None:
        self._exchange = exchange
        self._series = {
            symbol: number
            for (name, symbol), number in (series or {}).items()
            if name == exchange.name and number
        }
        self._commits = Commits(
            exchange.name,
            journal,
            health,
            log,
            keep_us=keep_us,
            ids=exchange.ids,
            series=self._series,
        )
        takes = {"consecutive": self._trade, "latest": self._update, "none": self._unnumbered}
        self._take = takes[exchange.ids]
        repeats = exchange.ids == "latest"
        self._disbelieve = self._disbelieve_once if repeats else self._quarantine
        self._disbelieved: dict[str | None, str] = {}
        self._gaps = Gaps(exchange.name, self._commits, health, log, series)
        self._health = health
        self._log = log
        self._failover = failover or Failover({}, 0)
        self._standby_told = failover is None
        self._speaking_for = speaking_for or type(exchange)
        self._stale_after_us = stale_after_us
        self.connection: Link | None = None
        self.listings: Listings | None = None
        self._watches = {symbol: SymbolWatch(symbol) for symbol in symbols}
        self._days: dict[str, Day] = {}
        self._trades: list[Trade] = []
        self._quarantined: list[Quarantined] = []
        self._bad_frames = BadFrames(health, keep_bad_frames, headers_of(exchange).values())
        self._next_status = 0
        self._next_counts = 0
        self._last_state: tuple[str, str] | None = None
        self._connected_since: int | None = None
        self._refused: str | None = None

    # ---- in: the exchange's messages

    def on_frame(self, frame: bytes, now: Instant) -> bool:
        """Take one message of the exchange; return whether it was data."""
        try:
            events = self._exchange.parse(frame, now.wall)
        except BadFrame as bad:
            self._bad_frames.add(str(bad), frame, now)
            return False
        data = False
        for event in map(self._in_series, events) if self._series else events:
            if isinstance(event, Trade):
                data = True
                self._take(event, frame, now)
            elif isinstance(event, Beat):
                data = True
                self._beat(event, now)
            elif isinstance(event, Quarantined):
                self._disbelieve(event, now)
            elif isinstance(event, DayFigures):
                self._days[event.symbol] = event.day
            elif isinstance(event, Closing) and self.connection is not None:
                self.connection.replace(event.reason)
            elif isinstance(event, Refused):
                reason = self._bad_frames.shown(event.reason)
                if reason != self._refused:  # a flood of them is one line
                    self._log.warning("feed.refused", reason=reason)
                self._refused = self._health.last_error = reason
        return data

    def _in_series(self, event: Event) -> Event:
        """Return an event with its symbol's series."""
        if isinstance(event, Trade | Quarantined) and event.symbol in self._series:
            return replace(event, series=self._series[event.symbol])
        return event

    def _trade(self, trade: Trade, frame: bytes, now: Instant) -> None:
        if not 0 <= trade.trade_id <= ID_MAX:
            self._bad_frames.add("a trade id out of range", frame, now)
            return
        if not self._plausible(trade.ts_event, now):
            self._implausible(trade, trade.trade_id, frame, now)
            return
        if self._commits.began_anew(trade):
            # Its id stays free: it may be that of another trade, which is still to come.
            reason = f"{ANEW}: {trade.trade_id}"
            item = quarantined(trade.symbol, None, now.wall, reason, frame)
            self._quarantine(replace(item, series=trade.series), now)
            self._gaps.began_anew(trade.symbol, trade.trade_id)
            return
        if self._commits.see(trade.symbol, trade.series, trade.trade_id, trade.ts_event, now):
            self._trades.append(trade)
        else:
            self._duplicate(trade.symbol, trade.trade_id)

    def _update(self, trade: Trade, frame: bytes, now: Instant) -> None:
        """Take a trade whose id is its time of update: only one later than all before is news."""
        if not self._plausible(trade.ts_event, now):
            self._implausible(trade, None, frame, now)  # with its id no real one would be news
        elif not 0 <= trade.trade_id <= ID_MAX:
            self._bad_frames.add("a time of update out of range", frame, now)
        elif self._commits.advance(trade):
            self._disbelieved.pop(trade.symbol, None)
            self._trades.append(trade)

    def _unnumbered(self, trade: Trade, frame: bytes, now: Instant) -> None:
        """Take a trade that has no id; it gets a number when it is committed."""
        if self._plausible(trade.ts_event, now):
            self._trades.append(trade)
        else:
            self._implausible(trade, None, frame, now)

    def _implausible(self, trade: Trade, trade_id: int | None, frame: bytes, now: Instant) -> None:
        # A number of thousands of digits is not written out: Python refuses to.
        shown = f"{trade.ts_event} µs" if abs(trade.ts_event) < 1 << 63 else "beyond 64 bits"
        reason = f"an implausible time: {shown}"
        item = quarantined(trade.symbol, trade_id, now.wall, reason, frame)
        self._disbelieve(replace(item, series=trade.series), now)

    def _plausible(self, ts_event: int, now: Instant, past_us: int = DAY_US) -> bool:
        """Return whether a time is about the exchange's own, as it last told us."""
        line = self.connection
        offset = line.clock_offset_us if line else None
        if -past_us <= ts_event - (now.wall if offset is None else now.mono + offset) <= DAY_US:
            return True
        # The clock that only goes forward may have stood still: a machine that was asleep.
        return line is not None and line.clock_old and -past_us <= ts_event - now.wall <= DAY_US

    def _quarantine(self, item: Quarantined, now: Instant) -> None:
        symbol, trade_id = item.symbol, item.trade_id
        if (
            symbol is not None
            and trade_id is not None
            and 0 <= trade_id <= ID_MAX
            and not self._commits.see(symbol, item.series, trade_id, None, now)
        ):
            self._duplicate(symbol, trade_id)
            return
        self._quarantined.append(item)
        self._health.counters["quarantined"] += 1
        if symbol in self._watches:
            self._watches[symbol].quarantined += 1
            self._watches[symbol].streamed(-1 if trade_id is None else trade_id)

    def _disbelieve_once(self, item: Quarantined, now: Instant) -> None:
        """Quarantine what is told again and again once, until the symbol has better news."""
        if self._disbelieved.get(item.symbol) != item.reason:
            self._disbelieved[item.symbol] = item.reason
            self._quarantine(item, now)

    def _duplicate(self, symbol: str, trade_id: int) -> None:
        self._health.counters["duplicates"] += 1
        watch = self._watches.get(symbol)
        if watch is not None:
            watch.duplicates += 1
            watch.streamed(trade_id)
        self._gaps.newer.streamed(symbol, trade_id)

    def _beat(self, beat: Beat, now: Instant) -> None:
        watch = self._watches.get(beat.symbol)
        if watch is not None:
            watch.beat(beat.last_trade_id, now.mono)
        self._gaps.beat(beat.symbol, beat.last_trade_id, now)

    # ---- in: the bus

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take the persister's position, what Postgres has, or what the backfiller brings."""
        message = decode(frames[-1])
        if isinstance(message, Stored):
            self._commits.stored(message)
        elif isinstance(message, FeedStatus):
            self._failover.told(message, now.mono)
        elif isinstance(message, Seen) and message.exchange == self._exchange.name:
            return self._gaps.seen(message, now)
        elif isinstance(message, Recovered) and message.exchange == self._exchange.name:
            return self._recovered(message, now)
        return ()

    def _recovered(self, message: Recovered, now: Instant) -> Sequence[Send]:
        """Commit what was fetched like what came by itself."""
        if self.connection is not None and self.connection.clock_offset_us is None:
            return ()  # its times cannot be judged yet: it will be asked for again
        trades, items = recovered.take(
            message, self._commits, lambda ts: self._plausible(ts, now, RECOVERED_US), now
        )
        self._gaps.absent(message, now)
        self._health.counters["recovered"] += len(trades)
        self._health.counters["quarantined"] += len(items)
        if not trades and not items:
            return ()
        counts = {message.symbol: len(trades)} if trades else {}
        return self._commits.commit(trades, items, counts, now)

    # ---- out

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Commit what came in since the last wake, then publish it."""
        if not self._trades and not self._quarantined:
            return ()
        trades, self._trades = self._trades, []
        items, self._quarantined = self._quarantined, []
        counts = Counter(trade.symbol for trade in trades)
        for symbol, count in counts.items():
            watch = self._watches.get(symbol)
            if watch is not None:  # that they came does not depend on the disk
                watch.traded(count, now.wall, now.mono)
        for symbol, trade in {trade.symbol: trade for trade in trades}.items():
            watch = self._watches[symbol]
            watch.lagged(trade.ts_recv - trade.ts_event)
            watch.streamed(trade.trade_id)
            self._gaps.newer.streamed(symbol, trade.trade_id)
        return self._commits.commit(trades, items, counts, now)

    # ---- time

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Move the connection, trim the journal, publish the status."""
        sends: list[Send] = []
        self._stand_in(now)
        if self.connection is not None:
            self.connection.on_tick(now)
            # What an ending connection still brought is committed with its own ids, before any
            # other commit takes them along.
            sends += self.on_wake(now)
            self._health.counters["reconnects"] = self.connection.reconnects
            self._health.counters["handovers"] = self.connection.handovers
            self._health.counters["oversized"] = self.connection.oversized
            if self._connected_since != (since := connected_since(self.connection)):
                self._connected_since = since
                self._gaps.newer.connected(self.subscribed if since is not None else (), now.mono)
        sends += self._commits.keep_within_bounds(now)
        sends += self._gaps.on_tick(now)
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

    @property
    def subscribed(self) -> tuple[str, ...]:
        """The symbols that are asked for now."""
        return tuple(one for one in self._watches if one not in self._failover.resting)

    def _stand_in(self, now: Instant) -> None:
        """Take up what its primary fails, give up what it does not need any more."""
        switches = self._failover.on_tick(now.mono)
        for switch in switches:
            self._log.warning("feed.failover", **switch._asdict())
            if switch.active:
                self._watches[switch.symbol].resumed()
                self._commits.resumed.add(self._commits.key_of(switch.symbol))
        if self.connection is not None and (switches or not self._standby_told):
            self._standby_told, symbols = True, self.subscribed
            self.connection.speak_for(self._speaking_for(symbols) if symbols else None, now)
            self._health.state = "ready" if symbols else "standby"

    def _each_second(self, now: Instant) -> None:
        self._commits.refill_reserve()
        self._bad_frames.on_second()
        if self.connection is not None and self.listings is not None:
            self.listings.on_second(now, self._connected_since)
            if self._commits.journal_ok:  # a full disk is the greater trouble
                self.listings.complain(self._health)
        for watch in self._watches.values():
            watch.second()
            if self.connection is None or self._connected_since is None:
                continue
            if watch.should_resubscribe(now.mono, self._stale_after_us):
                self._log.warning("feed.resubscribe", symbol=watch.symbol)
                self._health.counters["resubscribes"] += 1
                self.connection.resubscribe(watch.symbol)

    def status(self, now: Instant) -> FeedStatus:
        """Return the state of the connection and of each symbol."""
        up = connected_since(self.connection) is not None
        missing, had = self._gaps.counted(), self._commits.symbols()
        known = [
            watch.status(now.mono, self._stale_after_us, connected=up, had=watch.symbol in had)
            for watch in self._watches.values()
        ]
        symbols = [self._failover.of(self._gaps.of(one, missing)) for one in known]
        if self._days:
            symbols = [replace(one, day=self._days.get(one.symbol)) for one in symbols]
        if self.listings is not None:
            symbols = [self.listings.of(one) for one in symbols]
        return status_of(
            self._exchange, self.connection, symbols, now, journal_ok=self._commits.journal_ok
        )

    def on_drain(self, now: Instant) -> Sequence[Send]:
        """Close the connection; what had arrived is committed."""
        if self.connection is not None:
            self.connection.close()
        if self.listings is not None:
            self.listings.close()
        sends = list(self.on_wake(now))
        self._commits.close()
        return sends

    def readers(self) -> Sequence[Reader]:
        """Return the exchange's open sockets."""
        return self.connection.readers if self.connection is not None else ()

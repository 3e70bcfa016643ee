"""The latest value of everything: tickers, averages, open candles, feeds, processes.

In come messages of the bus and the moment they came; out go ``Update``s when something changed,
and answers to "what is it now". Pure: no socket, no clock, nothing is sent from here. A value of
the aggregator's stream that is not newer than the one held is dropped: the stream repeats its
present state to everybody whenever somebody subscribes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from bus.actor import Instant
from bus.heartbeat import LATE_AFTER_S
from bus.messages import (
    Average,
    CandleUpdate,
    Consolidated,
    FeedStatus,
    Heartbeat,
    ProgramState,
    ProgramTable,
    Ticker,
)
from web.update import Derived, Update, WatchKey

SILENT_AFTER_US = 5_000_000
"""A feed says its status every second; after so long without one its process is silent."""
NEWER_ELSEWHERE_US = 2_000_000
"""The feed has had trades so much newer than the price held here: the way between is broken."""
CANDLES_KEPT = 5
"""Candles kept per symbol and interval, so that one that has just closed is not missed while the
persister is about to store it."""
_LATE_AFTER_US = int(LATE_AFTER_S * 1e6)
_FRESH_US = 5_000_000
"""A process whose first heartbeat here is of one that old has had its state since it started."""
_PROGRESS = ("messages", "trades", "stored", "batches", "frames", "requests")
"""The counter of a process whose rate is shown: the first of these that it has. The tap has
messages all the time, and trades only while somebody wants them."""

Symbol = tuple[str, str]
"""(exchange, symbol)"""


class Beat(NamedTuple):
    """A process's last heartbeat, when it came, and how many units of work a second it does."""

    heartbeat: Heartbeat
    heard: int
    rate: float | None
    since: int | None
    """When its state began, µs UTC; None: before the first heartbeat that was heard here."""

    def late(self, now: Instant) -> bool:
        """True when the process has missed three beats."""
        return now.mono - self.heard > _LATE_AFTER_US


class Life(NamedTuple):
    """One process as supervisord and as its own heartbeats see it; either may know nothing."""

    name: str
    program: ProgramState | None
    beat: Beat | None
    running: bool
    """It is there: as far as supervisord knows, or if that says nothing, by its heartbeats."""
    late: bool
    """It runs, and has missed three heartbeats."""

    @property
    def up(self) -> bool:
        """True when it runs and, if it ever gave a heartbeat, gives them now."""
        return self.running and not self.late


class Latest:
    """All of it.

    Args:
        stale_after_s: age from which a price may be called stale.
    """

    def __init__(self, stale_after_s: int) -> None:
        self._stale_after_us = stale_after_s * 1_000_000
        self.tickers: dict[Symbol, Update] = {}
        self.averages: dict[Symbol, dict[int, Update]] = {}
        self.candles: dict[tuple[str, str, int], dict[int, Update]] = {}
        self.consolidated: dict[str, Consolidated] = {}
        """By the asset's code."""
        self.feeds: dict[str, Update] = {}
        self.beats: dict[str, Beat] = {}
        self.programs: ProgramTable | None = None
        self.position: tuple[int, int] | None = None
        """(epoch, seq) of the newest message of the aggregator's stream."""
        self._heard: dict[str, int] = {}
        self._states: dict[Symbol, tuple[str, int | None]] = {}

    def ticker(self, message: Ticker, now: Instant) -> Update | None:
        """Take a ticker; return the update, None when it is not newer."""
        key = (message.exchange, message.symbol)
        held = self.tickers.get(key)
        if not self._newer(held, message):
            return None
        # The first ticker held here, and one that is said again, may tell of an old trade.
        known = held.message if held is not None else None
        news = isinstance(known, Ticker) and message.ts_recv > known.ts_recv
        received = message.ts_recv if news else None
        update = Update("ticker", message, self.stale(message, now), received)
        self.tickers[key] = update
        return update

    def average(self, message: Average) -> Update | None:
        """Take an hour's average; return the update, None when it is not newer."""
        hours = self.averages.setdefault((message.exchange, message.symbol), {})
        return self._keep(hours, message.hour_start, Update("average", message))

    def candle(self, message: CandleUpdate) -> Update | None:
        """Take a candle; return the update, None when it is not newer.

        One older than those kept (a late trade) is an update all the same, but is not kept.
        """
        key = (message.exchange, message.symbol, message.interval_s)
        return self._keep(
            self.candles.setdefault(key, {}), message.ts_open, Update("candle", message)
        )

    def live_candles(self, exchange: str, symbol: str, interval_s: int) -> dict[int, CandleUpdate]:
        """Return the candles kept of one symbol and interval, by ``ts_open``."""
        held = self.candles.get((exchange, symbol, interval_s), {})
        return {
            ts_open: update.message
            for ts_open, update in held.items()
            if isinstance(update.message, CandleUpdate)
        }

    def price(self, message: Consolidated) -> None:
        """Take the consolidated price of an asset, if it is newer."""
        held = self.consolidated.get(message.asset)
        if held is None or held.epoch != message.epoch or held.seq < message.seq:
            self.consolidated[message.asset] = message

    def feed(self, message: FeedStatus, now: Instant) -> Update:
        """Take a feed's status."""
        self._heard[message.exchange] = now.mono
        for each in message.symbols:
            self._states[message.exchange, each.symbol] = (each.state, each.last_recv)
        update = Update("status", message)
        self.feeds[message.exchange] = update
        return update

    def heartbeat(self, message: Heartbeat, now: Instant) -> None:
        """Take a process's sign of life."""
        before = self.beats.get(message.program)
        rate = _rate(before.heartbeat, message) if before else None
        self.beats[message.program] = Beat(message, now.mono, rate, _since(before, message))

    def lives(self, now: Instant) -> list[Life]:
        """Return every process: those of supervisord in its order, then who else gave a beat."""
        table = self.programs
        programs = {one.name: one for one in table.programs} if table is not None else {}
        names = [*programs, *sorted(name for name in self.beats if name not in programs)]
        return [self._life(name, programs.get(name), now) for name in names]

    def _life(self, name: str, program: ProgramState | None, now: Instant) -> Life:
        beat = self.beats.get(name)
        running = program is None or program.state == "RUNNING"
        late = running and beat is not None and beat.late(now)
        if program is not None and beat is not None and self.programs is not None:
            other = program.pid not in (0, beat.heartbeat.pid)
            if other and beat.heartbeat.ts <= self.programs.ts:
                beat = None  # of the process before this one
        return Life(name, program, beat, running, late)

    def present(self, keys: Iterable[WatchKey]) -> list[Update]:
        """Return the present values of what can be watched."""
        out: list[Update | None] = []
        for channel, exchange, symbol, interval_s in keys:
            if channel == "ticker":
                out.append(self.tickers.get((exchange, symbol)))
            elif channel == "average":
                hours = self.averages.get((exchange, symbol))
                out.append(hours[max(hours)] if hours else None)
            elif channel == "candle":
                candles = self.candles.get((exchange, symbol, interval_s))
                out.append(candles[max(candles)] if candles else None)
            elif channel == "status":
                out.append(self.feeds.get(exchange))
        return [update for update in out if update is not None]

    def turned(self, now: Instant) -> list[Update]:
        """Return an update for each ticker that became stale or fresh, each feed fallen silent."""
        out = []
        for key, held in self.tickers.items():
            assert isinstance(held.message, Ticker)
            flag = self.stale(held.message, now)
            if flag != held.flag:
                update = self.tickers[key] = Update("ticker", held.message, flag)
                update.news = held.news
                out.append(update)
        for exchange, held in self.feeds.items():
            if self.silent(exchange, now) != held.flag:
                self.feeds[exchange] = Update("status", held.message, not held.flag)
                out.append(self.feeds[exchange])
        return out

    def silent(self, exchange: str, now: Instant) -> bool:
        """True when the feed of an exchange gives no sign of life, or never gave one."""
        heard = self._heard.get(exchange)
        return heard is None or now.mono - heard > SILENT_AFTER_US

    def stale(self, message: Ticker, now: Instant) -> bool:
        """True when the price is old *and* something says that there should be a newer one.

        That is: the feed's process is silent, its connection is not up, it calls the symbol stale,
        does not ask for it, or it has had newer trades than this. An illiquid market is not a dead
        feed.
        """
        if now.wall - message.ts_recv <= self._stale_after_us:
            return False
        update = self.feeds.get(message.exchange)
        if update is None or self.silent(message.exchange, now):
            return True
        assert isinstance(update.message, FeedStatus)
        state, last_recv = self._states.get((message.exchange, message.symbol), ("quiet", None))
        if update.message.state != "connected" or state in ("stale", "standby"):
            return True
        return last_recv is not None and last_recv - message.ts_recv > NEWER_ELSEWHERE_US

    def all_stale(self, symbols: Iterable[Symbol]) -> bool:
        """True when every price of these symbols is stale, and there is one."""
        flags = [self.tickers[symbol].flag for symbol in symbols if symbol in self.tickers]
        return bool(flags) and all(flags)

    def _keep(self, held: dict[int, Update], start: int, update: Update) -> Update | None:
        message = update.message
        assert isinstance(message, CandleUpdate | Average)
        if not self._newer(held.get(start), message):
            return None
        if len(held) < CANDLES_KEPT or start > min(held):
            held[start] = update
            if len(held) > CANDLES_KEPT:
                del held[min(held)]
        return update

    def _newer(self, held: Update | None, message: Ticker | Average | CandleUpdate) -> bool:
        if held is not None:
            before = held.message
            assert not isinstance(before, FeedStatus | Derived)
            if message.epoch == before.epoch and message.seq <= before.seq:
                return False
        position = (message.epoch, message.seq)
        if self.position is None or self.position[0] != message.epoch or position > self.position:
            self.position = position
        return True


def _since(before: Beat | None, after: Heartbeat) -> int | None:
    """Return when the state that a heartbeat tells of began, as far as it was heard."""
    if before is not None and before.heartbeat.started == after.started:
        return before.since if before.heartbeat.state == after.state else after.ts
    return after.started if after.ts - after.started <= _FRESH_US else None


def _rate(before: Heartbeat, after: Heartbeat) -> float | None:
    """Return units of work a second between two heartbeats of one run of a process."""
    if before.pid != after.pid or before.started != after.started or after.ts <= before.ts:
        return None
    for name in _PROGRESS:
        if name in after.counters:
            done = after.counters[name] - before.counters.get(name, 0)
            return round(done * 1e6 / (after.ts - before.ts), 1)
    return None

"""One exchange's recent candles and last trades, folded in memory. Pure.

The same fold as in Postgres, over the last 25 hours of the market's time: whatever is older is the
persister's to correct.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bus.messages import Candle, HistoryCandle, Ticker, Trade
from market import candle
from market.candle import EMPTY, Key
from market.decimals import plain, quotient
from market.intervals import bucket
from market.sequence import IdSet
from procs.aggregator.before import Before
from procs.aggregator.clock import MarketClock

KEEP_US = 25 * 3600 * 1_000_000
DAY_US = 86400 * 1_000_000
HOUR_S = 3600
MINUTE_S = 60
CLOSE_AFTER_US = 1_000_000
"""A candle is announced as closed so long after its end, for trades on their way."""


class Window(NamedTuple):
    """The 24 hours before the running minute, of one symbol."""

    minute: int
    """ts_open of the running minute, for which the window was made."""
    candle: Candle
    """All closed minutes of the window together."""
    before: Decimal | None
    """The last price at or before the window's beginning; None where the data begin later."""
    published: bool
    """Some of the minutes are the exchange's own, of which no turnover is known."""


class Memory:
    """What the live view knows of one exchange.

    Args:
        exchange: its name.
        candles: what Postgres has of the last 25 hours at its cursor.
        last: the newest trade of each symbol there.
        first_minutes: the ``ts_open`` of the oldest minute of each symbol there.
        seen: the ids that those candles count.
        partial: True when Postgres could not be asked: everything is marked incomplete.
    """

    def __init__(
        self,
        exchange: str,
        candles: Mapping[Key, Candle],
        last: Mapping[str, Trade],
        first_minutes: Mapping[str, int],
        seen: Mapping[tuple[str, int], Iterable[tuple[int, int]]],
        *,
        partial: bool,
    ) -> None:
        self.exchange = exchange
        self.partial = partial
        self.candles = dict(candles)
        self.last = dict(last)
        self._first_minutes = dict(first_minutes)
        self._ids = {key: IdSet(intervals) for key, intervals in seen.items()}
        self.before = Before()
        self._windows: dict[str, Window] = {}
        self._open: set[Key] = set()
        self._minutes: dict[str, set[int]] = {}
        self.clock = MarketClock(max((trade.ts_event for trade in last.values()), default=0))
        self._swept = 0
        self._hour = 0
        for key in self.candles:
            self._index(key)

    @staticmethod
    def _end(key: Key) -> int:
        return key[2] + key[1] * 1_000_000

    def fold(self, trades: Sequence[Trade], mono: int) -> set[Key]:
        """Fold trades in, each once; return the keys of the candles that changed."""
        new = [trade for trade in trades if self._is_new(trade)]
        if not new:
            return set()
        for trade in new:
            self.glimpse(trade)
        self.clock.saw([trade.ts_event for trade in new], mono)
        oldest = self.clock.newest - KEEP_US
        changed = {key: made for key, made in candle.fold(new).items() if self._end(key) > oldest}
        candle.merge(self.candles, changed)
        for key in changed:
            self._note(key)
        self._sweep()
        return set(changed)

    def glimpse(self, trade: Trade) -> None:
        """Take a trade for the symbol's last price only, if it is the newest."""
        have = self.last.get(trade.symbol)
        if have is None or (trade.series, trade.trade_id) > (have.series, have.trade_id):
            self.last[trade.symbol] = trade

    def published(self, symbol: str, candles: Iterable[HistoryCandle]) -> None:
        """Take minutes that the exchange has published: they stand where there are none of ours."""
        self.before.take(symbol, candles)
        self._windows.pop(symbol, None)

    def _is_new(self, trade: Trade) -> bool:
        key = (trade.symbol, trade.series)
        ids = self._ids.get(key)
        if ids is None:
            ids = self._ids[key] = IdSet()
        return ids.add(trade.trade_id)

    def _note(self, key: Key) -> None:
        symbol, interval_s, ts_open = key
        self._index(key)
        if interval_s == MINUTE_S:
            first = self._first_minutes.get(symbol)
            if first is None or ts_open < first:
                self._first_minutes[symbol] = ts_open
            window = self._windows.get(symbol)
            if window is not None and ts_open < window.minute:
                del self._windows[symbol]  # a late trade changed it

    def _index(self, key: Key) -> None:
        # Also one that has just ended: it is still to be announced as closed.
        if self._end(key) + CLOSE_AFTER_US > self.clock.newest:
            self._open.add(key)
        if key[1] == MINUTE_S:
            self._minutes.setdefault(key[0], set()).add(key[2])

    def _sweep(self) -> None:
        """Once a minute of the market's time, forget what is older than 25 hours."""
        minute = bucket(self.clock.newest, MINUTE_S)
        if minute == self._swept:
            return
        self._swept = minute
        oldest = self.clock.newest - KEEP_US
        for key in [key for key in self.candles if self._end(key) <= oldest]:
            del self.candles[key]
            self._open.discard(key)
            if key[1] == MINUTE_S:
                self._minutes[key[0]].discard(key[2])
        self.before.forget(oldest)

    def closed(self, key: Key, mono: int) -> bool:
        """Return whether a candle's interval has ended."""
        return self._end(key) + CLOSE_AFTER_US <= self.clock.now(mono)

    def take_closed(self, mono: int) -> list[Key]:
        """Return, once, the keys of the candles that have closed since the last call."""
        self.clock.start(mono)
        done = [key for key in self._open if self.closed(key, mono)]
        self._open.difference_update(done)
        return sorted(done, key=lambda key: (key[2] + key[1], key))

    def is_partial(self, symbol: str, ts_open: int) -> bool:
        """Return whether trades of an interval may be missing because the data began in it."""
        return self.partial or ts_open <= self._first_minutes.get(symbol, ts_open)

    def new_hour(self, mono: int) -> bool:
        """Return, once, that the market's time has entered another hour."""
        before, self._hour = self._hour, bucket(self.clock.now(mono), HOUR_S)
        return before != self._hour

    def ticker(self, symbol: str, mono: int) -> Ticker:
        """Return the latest state of a symbol that has traded."""
        last = self.last[symbol]
        window = self._window(symbol, bucket(self.clock.now(mono), MINUTE_S))
        running = self.candles.get((symbol, MINUTE_S, window.minute), EMPTY)
        day = candle.add(window.candle, running)
        price = Decimal(last.price)
        change = None if window.before is None else price - window.before
        hour_start = bucket(self.clock.now(mono), HOUR_S)
        hour = self.candles.get((symbol, HOUR_S, hour_start), EMPTY)
        whole = change is not None and day.n > 0
        return Ticker(
            exchange=self.exchange,
            symbol=symbol,
            price=last.price,
            size=last.size,
            ts_event=last.ts_event,
            ts_recv=last.ts_recv,
            change_24h=None if change is None else plain(change),
            change_24h_pct=None
            if change is None or window.before is None
            else plain(quotient(change * 100, window.before)),
            high_24h=plain(day.high) if whole else None,
            low_24h=plain(day.low) if whole else None,
            volume_24h=plain(day.volume) if whole else None,
            hour_start=hour_start,
            hour_avg=plain(candle.average(hour)) if hour.n else None,
            hour_count=hour.n,
            partial=self.is_partial(symbol, hour_start),
            turnover_24h=plain(day.sum_pq) if whole and not window.published else None,
        )

    def _window(self, symbol: str, minute: int) -> Window:
        window = self._windows.get(symbol)
        if window is None or window.minute != minute:
            window = self._windows[symbol] = self._make_window(symbol, minute)
        return window

    def _make_window(self, symbol: str, minute: int) -> Window:
        begin = minute + MINUTE_S * 1_000_000 - DAY_US
        own = {
            ts_open: self.candles[symbol, MINUTE_S, ts_open]
            for ts_open in self._minutes.get(symbol, ())
        }
        published = self.before.beside(symbol, own, self._first_minutes.get(symbol))
        minutes = {**own, **published}
        total = EMPTY
        for ts_open, made in minutes.items():
            if begin <= ts_open < minute:
                total = candle.add(total, made)
        earlier = max((ts_open for ts_open in minutes if ts_open < begin), default=None)
        before = None if earlier is None else minutes[earlier].close
        return Window(
            minute, total, before, any(begin <= ts_open < minute for ts_open in published)
        )

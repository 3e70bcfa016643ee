"""One exchange's recent candles and last trades, folded in memory. Pure.

The same fold as in Postgres, over the last 25 hours of the market's time: whatever is older is the
persister's to correct.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from bus.messages import Candle, Gap, HistoryCandle, Quarantined, Ticker, Trade
from market import candle
from market.candle import EMPTY, Key
from market.decimals import plain, quotient
from market.intervals import bucket
from market.sequence import IdSet
from procs.aggregator.before import Before
from procs.aggregator.clock import MarketClock
from procs.aggregator.missing import Minutes, Missing, Span

KEEP_US = 25 * 3600 * 1_000_000
DAY_US = 86400 * 1_000_000
HOUR_S = 3600
HOUR_US = HOUR_S * 1_000_000
MINUTE_S = 60
RECENT = 5
"""Last trades of each symbol that are kept, for the consolidated price."""
CLOSE_AFTER_US = 1_000_000
"""A candle is announced as closed so long after its end, for trades on their way."""


def end(key: Key) -> int:
    """Return when the interval of a candle ends, µs UTC."""
    return key[2] + key[1] * 1_000_000


class Window(NamedTuple):
    """The 24 hours before the running minute, of one symbol."""

    minute: int
    """ts_open of the running minute, for which the window was made."""
    candle: Candle
    """All closed minutes of the window together."""
    before: Decimal | None
    """The last price at or before the window's beginning; None where the data begin later."""
    published: bool
    """Some minutes with trades are the exchange's own, of which no turnover is known."""


class Memory:
    """What the live view knows of one exchange.

    Args:
        exchange: its name.
        candles: what Postgres has of the last 25 hours at its cursor.
        recent: the newest trades of each symbol there, in rising order.
        first_minutes: the ``ts_open`` of the oldest minute of each symbol there.
        seen: the ids that those candles count.
        partial: True when Postgres could not be asked: everything is marked incomplete.
        hour_ends: ``ts_event`` of the trade that closed each hour there, by symbol and begin.
        gaps: the ids that are missing there.
    """

    def __init__(
        self,
        exchange: str,
        candles: Mapping[Key, Candle],
        recent: Mapping[str, Sequence[Trade]],
        first_minutes: Mapping[str, int],
        seen: Mapping[tuple[str, int], Iterable[tuple[int, int]]],
        *,
        partial: bool,
        hour_ends: Mapping[tuple[str, int], int] = {},
        gaps: Iterable[Gap] = (),
    ) -> None:
        self.exchange = exchange
        self.partial = partial
        self.candles = dict(candles)
        self.recent = {symbol: deque(trades, RECENT) for symbol, trades in recent.items()}
        self.last = {symbol: trades[-1] for symbol, trades in self.recent.items()}
        self._first_minutes = dict(first_minutes)
        self._ids = {key: IdSet(intervals) for key, intervals in seen.items()}
        self.before = Before()
        self._windows: dict[str, Window] = {}
        self._open: set[Key] = set()
        self._minutes: dict[str, set[int]] = {}
        newest = max((trade.ts_event for trade in self.last.values()), default=0)
        self.clock = MarketClock(newest)
        self._swept = 0
        self._hour = 0
        for key in self.candles:
            self._index(key)
        self._hour_ends = {
            (symbol, hour): (self.candles[symbol, HOUR_S, hour].close_key, ts_event)
            for (symbol, hour), ts_event in hour_ends.items()
            if (symbol, HOUR_S, hour) in self.candles
        }
        """Of each hour the last trade: its key and its time."""
        self._missing = Missing(self._seen, self._minutes_of)
        first = self._first_keys()
        self._missing.open(
            gap
            for gap in gaps
            if gap.symbol not in first or (gap.series, gap.last_id + 1) >= first[gap.symbol]
        )

    def _first_keys(self) -> dict[str, tuple[int, int]]:
        """Return the key of the first trade here of each symbol."""
        first = {symbol: (one.series, one.trade_id) for symbol, one in self.last.items()}
        for (symbol, _, _), made in self.candles.items():
            first[symbol] = min(first.get(symbol, made.open_key), made.open_key)
        return first

    def fold(self, trades: Sequence[Trade], mono: int, *, latest_only: bool = False) -> set[Key]:
        """Fold trades in, each once; return the keys of the candles that changed.

        ``latest_only``: their ids are times of update, and none below the highest is news.
        """
        is_new = self._is_newest if latest_only else self._is_new
        new = [trade for trade in trades if is_new(trade)]
        if not new:
            return set()
        for trade in new:
            self.glimpse(trade)
            self._note_hour(trade)
        self.clock.saw([trade.ts_event for trade in new], mono)
        oldest = self.clock.newest - KEEP_US
        changed = {key: made for key, made in candle.fold(new).items() if end(key) > oldest}
        candle.merge(self.candles, changed)
        for key in changed:
            self._note(key)
        filled = self._had(new) if self._missing else set()
        self._sweep()
        return filled | changed.keys()

    def _note_hour(self, trade: Trade) -> None:
        hour = (trade.symbol, trade.ts_event // HOUR_US * HOUR_US)
        key = (trade.series, trade.trade_id)
        have = self._hour_ends.get(hour)
        if have is None or key > have[0]:
            self._hour_ends[hour] = (key, trade.ts_event)

    def glimpse(self, trade: Trade) -> None:
        """Take a trade for the symbol's last prices only, if it is one of the newest."""
        have = self.last.get(trade.symbol)
        key = (trade.series, trade.trade_id)
        if have is None:
            self.recent[trade.symbol] = deque((trade,), RECENT)
            self.last[trade.symbol] = trade
        elif key > (have.series, have.trade_id):
            self.recent[trade.symbol].append(trade)
            self.last[trade.symbol] = trade
        elif trade.trade_id == 0 and trade.ts_event >= have.ts_event:
            # One that could not be journalled and so has no number: the next one is newer.
            self.recent[trade.symbol].append(trade)
            self.last[trade.symbol] = trade
        else:
            self._glimpse_late(trade)

    def _glimpse_late(self, trade: Trade) -> None:
        by_key = {(one.series, one.trade_id): one for one in self.recent[trade.symbol]}
        key = (trade.series, trade.trade_id)
        if key not in by_key and (len(by_key) < RECENT or key > min(by_key)):
            by_key[key] = trade
            self.recent[trade.symbol] = deque((by_key[one] for one in sorted(by_key)), RECENT)

    def published(self, symbol: str, candles: Iterable[HistoryCandle]) -> None:
        """Take minutes that the exchange has published: they stand where there are none of ours."""
        self.before.take(symbol, candles)
        self._windows.pop(symbol, None)

    def _is_new(self, trade: Trade) -> bool:
        return self._seen(trade.symbol, trade.series).add(trade.trade_id)

    def _is_newest(self, trade: Trade) -> bool:
        return self._seen(trade.symbol, trade.series).advance(trade.trade_id)

    def _seen(self, symbol: str, series: int) -> IdSet:
        ids = self._ids.get((symbol, series))
        if ids is None:
            ids = self._ids[symbol, series] = IdSet()
        return ids

    # ---- what is missing

    def lack(self, gaps: Iterable[Gap]) -> set[Key]:
        """Take gaps; return the keys of the candles that are partial for them."""
        found = self._missing.open(gaps)
        return {key for symbol, spans in found.items() for key in self._meeting(symbol, spans)}

    def pass_over(self, items: Iterable[Quarantined]) -> set[Key]:
        """Take trades that were not believed: their ids are not missing, and never come again."""
        changed: set[Key] = set()
        for item in items:
            if item.symbol is not None and item.trade_id is not None:
                self._seen(item.symbol, item.series).add(item.trade_id)
                spans = self._missing.had(item.symbol, item.trade_id)
                changed |= self._meeting(item.symbol, spans)
        return changed

    def _had(self, trades: Iterable[Trade]) -> set[Key]:
        """Return the keys of candles that may be whole now that these trades have come."""
        lowest: dict[str, int] = {}
        for trade in trades:
            lowest[trade.symbol] = min(lowest.get(trade.symbol, trade.trade_id), trade.trade_id)
        changed: set[Key] = set()
        for symbol, trade_id in lowest.items():
            changed |= self._meeting(symbol, self._missing.had(symbol, trade_id))
        return changed

    def _meeting(self, symbol: str, spans: Sequence[Span]) -> set[Key]:
        return {
            key
            for key in (self.candles if spans else ())
            if key[0] == symbol and any(one.meets(key[2], end(key)) for one in spans)
        }

    def _minutes_of(self, symbol: str) -> Minutes:
        opened = self._minutes.get(symbol, ())
        return {ts_open: self.candles[symbol, MINUTE_S, ts_open] for ts_open in opened}

    # ---- what is kept

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
        if end(key) + CLOSE_AFTER_US > self.clock.newest:
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
        for key in [key for key in self.candles if end(key) <= oldest]:
            del self.candles[key]
            self._open.discard(key)
            if key[1] == MINUTE_S:
                self._minutes[key[0]].discard(key[2])
        for hour in [hour for hour in self._hour_ends if hour[1] + HOUR_US <= oldest]:
            del self._hour_ends[hour]
        self._missing.forget(oldest)
        self.before.forget(oldest)

    def closed(self, key: Key, mono: int) -> bool:
        """Return whether a candle's interval has ended."""
        return end(key) + CLOSE_AFTER_US <= self.clock.now(mono)

    def take_closed(self, mono: int) -> list[Key]:
        """Return, once, the keys of the candles that have closed since the last call."""
        self.clock.start(mono)
        done = [key for key in self._open if self.closed(key, mono)]
        self._open.difference_update(done)
        return sorted(done, key=lambda key: (key[2] + key[1], key))

    def is_partial(self, symbol: str, interval_s: int, ts_open: int) -> bool:
        """Return whether trades of an interval may be missing.

        That is: the data began within it, or it has to do with a gap that is not filled.
        """
        return (
            self.partial
            or candle.data_begin_in(ts_open, self._first_minutes.get(symbol, ts_open))
            or self._missing.within(symbol, ts_open, end((symbol, interval_s, ts_open)))
        )

    def last_ts(
        self, symbol: str, hour_start: int, close_key: tuple[int, int] | None = None
    ) -> int:
        """Return when the last trade of an hour, by default of one remembered, happened, µs UTC.

        Where that is not known (it was pruned, or the hour is older than this memory), the begin of
        the last minute with a trade that is, or of the hour.
        """
        if close_key is None:
            close_key = self.candles[symbol, HOUR_S, hour_start].close_key
        known = self._hour_ends.get((symbol, hour_start))
        if known is not None and known[0] == close_key:
            return known[1]
        minutes = range(hour_start, hour_start + HOUR_US, MINUTE_S * 1_000_000)
        found = (ts for ts in minutes if ts in self._minutes.get(symbol, ()))
        return max(found, default=hour_start)

    def new_hour(self, mono: int) -> bool:
        """Return, once, that the market's time has entered another hour."""
        before, self._hour = self._hour, bucket(self.clock.now(mono), HOUR_S)
        return before != self._hour

    def ticker(self, symbol: str, mono: int) -> Ticker:
        """Return the latest state of a symbol that has traded. Without sizes its volume is 0."""
        last = self.last[symbol]
        window = self._window(symbol, bucket(self.clock.now(mono), MINUTE_S))
        running = self.candles.get((symbol, MINUTE_S, window.minute), EMPTY)
        day = candle.add(window.candle, running)
        price = Decimal(last.price)
        change = None if window.before is None else price - window.before
        hour_start = bucket(self.clock.now(mono), HOUR_S)
        hour = self.candles.get((symbol, HOUR_S, hour_start), EMPTY)
        whole = change is not None and day.n > 0
        sized = whole and day.volume > 0
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
            partial=self.is_partial(symbol, HOUR_S, hour_start),
            turnover_24h=plain(day.sum_pq) if sized and not window.published else None,
        )

    def turnover(self, symbol: str, mono: int) -> Decimal:
        """Return Σ price × size of the trades of the last 24 hours that are known here."""
        window = self._window(symbol, bucket(self.clock.now(mono), MINUTE_S))
        running = self.candles.get((symbol, MINUTE_S, window.minute), EMPTY)
        return window.candle.sum_pq + running.sum_pq

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
        untold = any(
            begin <= ts_open < minute and made.volume > 0 for ts_open, made in published.items()
        )
        return Window(minute, total, before, untold)

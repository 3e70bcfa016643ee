"""The candle as a commutative monoid, the heart of the domain.

One operation, ``add``, associative and commutative with ``EMPTY`` as its identity. Folding trades,
merging late ones, rolling minutes up into hours and days, rebuilding after a crash and the SQL
``ON CONFLICT DO UPDATE`` are all this one operation. Open and close are decided by the exchange's
own order, ``(series, trade_id)``, never by time: hundreds of trades can share one millisecond.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import mul

from bus.messages import Average, Candle, CandleUpdate, Trade
from market.decimals import plain, quotient
from market.intervals import STORED, bucket

_ZERO = Decimal(0)
EMPTY = Candle(0, _ZERO, (0, 0), _ZERO, _ZERO, _ZERO, (0, 0), _ZERO, _ZERO, _ZERO)
"""The candle of no trades."""

Key = tuple[str, int, int]
"""(symbol, interval_s, ts_open): which candle of one exchange."""

_MINUTE = 60_000_000


def of(trades: Sequence[Trade]) -> Candle:
    """Return the candle of trades of one symbol and one bucket, in any order, each once."""
    if not trades:
        return EMPTY
    prices = [Decimal(trade.price) for trade in trades]
    sizes = [Decimal(trade.size) if trade.size is not None else _ZERO for trade in trades]
    first = last = 0
    open_key = close_key = (trades[0].series, trades[0].trade_id)
    for index, trade in enumerate(trades):
        key = (trade.series, trade.trade_id)
        if key > close_key:
            close_key, last = key, index
        elif key < open_key:
            open_key, first = key, index
    return Candle(
        n=len(trades),
        open=prices[first],
        open_key=open_key,
        high=max(prices),
        low=min(prices),
        close=prices[last],
        close_key=close_key,
        volume=sum(sizes, _ZERO),
        sum_p=sum(prices, _ZERO),
        sum_pq=sum(map(mul, prices, sizes), _ZERO),
    )


def add(a: Candle, b: Candle) -> Candle:
    """Return the candle of the trades of both, which share none."""
    if not a.n:
        return b
    if not b.n:
        return a
    first = a if a.open_key <= b.open_key else b
    last = a if a.close_key >= b.close_key else b
    return Candle(
        n=a.n + b.n,
        open=first.open,
        open_key=first.open_key,
        high=a.high if a.high >= b.high else b.high,
        low=a.low if a.low <= b.low else b.low,
        close=last.close,
        close_key=last.close_key,
        volume=a.volume + b.volume,
        sum_p=a.sum_p + b.sum_p,
        sum_pq=a.sum_pq + b.sum_pq,
    )


def fold(trades: Iterable[Trade]) -> dict[Key, Candle]:
    """Return the candles of every stored interval that the trades of one exchange make."""
    minutes: dict[tuple[str, int], list[Trade]] = {}
    for trade in trades:
        key = (trade.symbol, trade.ts_event // _MINUTE)
        group = minutes.get(key)
        if group is None:
            minutes[key] = [trade]
        else:
            group.append(trade)
    folded: dict[Key, Candle] = {}
    for (symbol, minute), group in minutes.items():
        candle = of(group)
        for interval_s in STORED:
            where = (symbol, interval_s, bucket(minute * _MINUTE, interval_s))
            folded[where] = add(folded.get(where, EMPTY), candle)
    return folded


def merge(into: dict[Key, Candle], more: Mapping[Key, Candle]) -> None:
    """Add each candle of ``more`` to the one of the same key in ``into``."""
    for key, candle in more.items():
        have = into.get(key)
        into[key] = candle if have is None else add(have, candle)


def data_begin_in(ts_open: int, first_minute: int) -> bool:
    """Return whether trades of a candle may be missing because the data began in its interval.

    A candle is whole if a trade from before it is known. ``first_minute`` is the begin of the
    oldest minute of which one is.
    """
    return ts_open <= first_minute


def average(candle: Candle) -> Decimal:
    """Return Σ price / n, to 1e-12. The hour's average of the hour's candle."""
    return quotient(candle.sum_p, candle.n)


def vwap(candle: Candle) -> Decimal | None:
    """Return Σ price × size / Σ size, to 1e-12; None where no trade had a size."""
    return quotient(candle.sum_pq, candle.volume) if candle.volume else None


def update(
    exchange: str, key: Key, candle: Candle, *, closed: bool, partial: bool = False
) -> CandleUpdate:
    """Return the candle as it is published."""
    symbol, interval_s, ts_open = key
    weighted = vwap(candle)
    return CandleUpdate(
        exchange=exchange,
        symbol=symbol,
        interval_s=interval_s,
        ts_open=ts_open,
        closed=closed,
        revision=candle.n,
        open=plain(candle.open),
        open_key=candle.open_key,
        high=plain(candle.high),
        low=plain(candle.low),
        close=plain(candle.close),
        close_key=candle.close_key,
        volume=plain(candle.volume),
        n=candle.n,
        sum_p=plain(candle.sum_p),
        sum_pq=plain(candle.sum_pq),
        vwap=None if weighted is None else plain(weighted),
        partial=partial,
    )


def from_update(message: CandleUpdate) -> Candle:
    """Return the candle that was published."""
    return Candle(
        n=message.n,
        open=Decimal(message.open),
        open_key=message.open_key,
        high=Decimal(message.high),
        low=Decimal(message.low),
        close=Decimal(message.close),
        close_key=message.close_key,
        volume=Decimal(message.volume),
        sum_p=Decimal(message.sum_p),
        sum_pq=Decimal(message.sum_pq),
    )


def hour_average(
    exchange: str, symbol: str, hour_start: int, candle: Candle, last_ts: int, *, partial: bool
) -> Average:
    """Return the average of the hour that ``candle`` is."""
    return Average(
        exchange=exchange,
        symbol=symbol,
        hour_start=hour_start,
        avg=plain(average(candle)),
        count=candle.n,
        last_ts=last_ts,
        partial=partial,
    )

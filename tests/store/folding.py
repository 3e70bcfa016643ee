"""Candles recomputed in the plainest way, to compare with: nothing of ``market`` is used."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from random import Random

from bus.messages import Candle, Trade

START = 1_723_075_200_000_000
"""2024-08-08T00:00:00Z, a Thursday, µs."""


def fold(trades: Iterable[Trade]) -> Candle:
    """Return the candle of some trades."""
    with localcontext() as context:
        context.prec = 200
        ordered = sorted(trades, key=lambda trade: (trade.series, trade.trade_id))
        prices = [Decimal(trade.price) for trade in ordered]
        sizes = [Decimal(trade.size or 0) for trade in ordered]
        return Candle(
            n=len(ordered),
            open=prices[0],
            open_key=(ordered[0].series, ordered[0].trade_id),
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            close_key=(ordered[-1].series, ordered[-1].trade_id),
            volume=sum(sizes, Decimal(0)),
            sum_p=sum(prices, Decimal(0)),
            sum_pq=sum((p * q for p, q in zip(prices, sizes, strict=True)), Decimal(0)),
        )


def grouped(trades: Iterable[Trade], opening: Callable[[int], int]) -> dict[int, Candle]:
    """Return the candle of each ``ts_open``."""
    groups: dict[int, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(opening(trade.ts_event), []).append(trade)
    return {ts_open: fold(group) for ts_open, group in sorted(groups.items())}


def opening(interval_s: int) -> Callable[[int], int]:
    """Return what tells the ``ts_open`` of a moment, by the calendar."""

    def of(ts: int) -> int:
        moment = datetime.fromtimestamp(ts // 1_000_000, UTC)
        day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        midnight = int(day.timestamp())
        if interval_s == 604800:
            return (midnight - day.weekday() * 86400) * 1_000_000
        since = int((moment - day).total_seconds())
        return (midnight + since - since % interval_s) * 1_000_000

    return of


def random_trades(seed: int, count: int, days: int, symbol: str = "ETH-USDT") -> list[Trade]:
    """Return trades in order, with digits of all lengths, some without a size."""
    chance = Random(seed)
    times = sorted(chance.randrange(days * 86_400_000_000) for _ in range(count))
    return [
        Trade(
            symbol=symbol,
            trade_id=1000 + index,
            ts_event=START + ts,
            ts_recv=START + ts + 1234,
            price=number(chance, 100_000),
            size=number(chance, 10) if chance.random() < 0.9 else None,
            side=chance.choice(["buy", "sell", None]),
        )
        for index, ts in enumerate(times)
    ]


def number(chance: Random, below: int) -> str:
    """Return the plain text of a number > 0 with up to 18 fraction digits."""
    digits = chance.randrange(19)
    fraction = "".join(chance.choice("0123456789") for _ in range(digits))
    return f"{chance.randrange(1, below)}.{fraction}" if digits else str(chance.randrange(1, below))

"""Candles as they are now: those in Postgres, the newest ones as the live stream has them.

In come a symbol, an interval and a range; out go rows as ``store.candle_rows`` has them. Of a
stored candle and the live one the one with more trades counts.
"""

from bisect import bisect_left

from bus.messages import CandleUpdate
from market import intervals
from market.candle import EMPTY, add, from_update, vwap
from market.decimals import plain
from store import candle_rows
from store.candle_rows import CandleRow, N
from web.services import Services


async def newest(
    services: Services,
    exchange: str,
    symbol: str,
    interval_s: int,
    start: int,
    end: int,
    limit: int,
) -> list[CandleRow]:
    """Return the newest ``limit`` candles that open in [start, end), µs UTC, in rising order.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    pool = services.pool
    rows = await candle_rows.newest(pool, exchange, symbol, interval_s, start, end, limit)
    live = await _live(services, exchange, symbol, interval_s)
    within = {row[0]: row for row in live if start <= row[0] * 1_000_000 < end}
    if not within:
        return rows
    kept = bisect_left(rows, (min(within),))
    for row in rows[kept:]:
        live_one = within.get(row[0])
        if live_one is None or live_one[N] <= row[N]:
            within[row[0]] = row
    return (rows[:kept] + [within[second] for second in sorted(within)])[-limit:]


async def _live(services: Services, exchange: str, symbol: str, interval_s: int) -> list[CandleRow]:
    base_s = candle_rows.base_of(interval_s)
    updates = services.hub.latest.candles.get((exchange, symbol, base_s), {})
    messages: dict[int, CandleUpdate] = {}
    for ts_open, update in updates.items():
        assert isinstance(update.message, CandleUpdate)
        messages[ts_open] = update.message
    if base_s == interval_s or not messages:
        return [_row(message) for message in messages.values()]
    # Rolled up: the buckets that have a live candle are made anew from all of their parts.
    begin = intervals.bucket(min(messages), interval_s)
    parts = await candle_rows.parts(services.pool, exchange, symbol, base_s, begin)
    for ts_open, message in messages.items():
        if ts_open not in parts or message.n > parts[ts_open].n:
            parts[ts_open] = from_update(message)
    rolled = dict.fromkeys((intervals.bucket(ts_open, interval_s) for ts_open in parts), EMPTY)
    for ts_open, part in parts.items():
        bucket = intervals.bucket(ts_open, interval_s)
        rolled[bucket] = add(rolled[bucket], part)
    found: list[CandleRow] = []
    for bucket, whole in rolled.items():
        weighted = vwap(whole)
        prices = (plain(whole.open), plain(whole.high), plain(whole.low), plain(whole.close))
        mean = None if weighted is None else plain(weighted)
        found.append((bucket // 1_000_000, *prices, plain(whole.volume), whole.n, mean))
    return found


def _row(message: CandleUpdate) -> CandleRow:
    prices = (message.open, message.high, message.low, message.close)
    return (message.ts_open // 1_000_000, *prices, message.volume, message.n, message.vwap)

"""Candles as they are now: those in Postgres, the newest ones as the live stream has them.

In come a symbol, an interval and a range; out go rows as ``store.candle_rows`` has them. Of a
stored candle and the live one the one with more trades counts. Where there is none, or the data
began in it, the one that the exchange itself has published stands, with an ``n`` of 0: it is never
added to one of trades but where both are parts of a longer candle, which is then marked likewise.
"""

from bisect import bisect_left
from decimal import Decimal

from bus.messages import CandleUpdate
from market import intervals
from market.candle import EMPTY, add, data_begin_in, from_update, vwap
from market.decimals import plain
from store import candle_rows, history
from store.candle_rows import CandleRow, N
from store.candles import Known
from web.services import Services


async def newest(
    services: Services,
    exchange: str,
    symbol: str,
    interval_s: int,
    start: int,
    end: int,
    limit: int,
    known: Known,
) -> list[CandleRow]:
    """Return the newest ``limit`` candles that open in [start, end), µs UTC, in rising order.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    which = (services, exchange, symbol)
    exact = await _exact(*which, interval_s, start, end, limit)
    if len(exact) == limit:  # what is older than all of them is not asked for
        start = exact[0][0] * 1_000_000
    if known.published_until is None or known.published_until <= start:
        return exact
    base_s = candle_rows.base_of(interval_s)
    found = await history.newest(
        services.pool,
        exchange,
        symbol,
        base_s,
        candle_rows.opening(start, interval_s),
        candle_rows.opening(end, interval_s),
        limit * (interval_s // base_s),
    )
    published: list[CandleRow] = [(*row, 0, None) for row in found]
    if not published:
        return exact
    first_whole = -1 if known.since is None else known.since
    if base_s == interval_s:
        return _joined(exact, published, first_whole)[-limit:]
    begin = intervals.bucket(published[0][0] * 1_000_000, interval_s)
    until = intervals.bucket(published[-1][0] * 1_000_000, interval_s) + interval_s * 1_000_000
    parts = await _exact(*which, base_s, begin, until, candle_rows.ROWS_MAX)
    mixed = _rolled(_joined(parts, published, first_whole), interval_s)
    # Where a part is the exchange's, so is the whole, whatever else is in it.
    rows = {row[0]: row for row in exact} | {row[0]: row for row in mixed}
    return [rows[second] for second in sorted(rows)][-limit:]


def _joined(exact: list[CandleRow], published: list[CandleRow], since: int) -> list[CandleRow]:
    """Return the union; of two of one time the exact one, unless the data began in it."""
    low = bisect_left(exact, (published[0][0],))
    high = bisect_left(exact, (published[-1][0] + 1,))
    within = {row[0]: row for row in published}
    for row in exact[low:high]:
        if row[0] not in within or not data_begin_in(row[0] * 1_000_000, since):
            within[row[0]] = row
    return exact[:low] + [within[second] for second in sorted(within)] + exact[high:]


def _rolled(parts: list[CandleRow], interval_s: int) -> list[CandleRow]:
    """Return the longer candles of which some part with trades is the exchange's own."""
    buckets: dict[int, list[CandleRow]] = {}
    for row in parts:
        bucket = intervals.bucket(row[0] * 1_000_000, interval_s) // 1_000_000
        buckets.setdefault(bucket, []).append(row)
    # A part in which nothing was traded lacks nothing: it counts only where there is no other.
    told = {bucket: [*filter(_is_traded, rows)] or rows for bucket, rows in buckets.items()}
    return [
        (
            bucket,
            rows[0][1],
            max((row[2] for row in rows), key=Decimal),
            min((row[3] for row in rows), key=Decimal),
            rows[-1][4],
            plain(sum((Decimal(row[5]) for row in rows), Decimal(0))),
            0,
            None,
        )
        for bucket, rows in told.items()
        if not all(row[N] for row in rows)
    ]


def _is_traded(row: CandleRow) -> bool:
    """Return whether trades are in it: some exchanges publish candles of none, at the price before.

    One of trades may be without volume too, as its source has no sizes.
    """
    return row[N] > 0 or Decimal(row[5]) > 0 or Decimal(row[2]) != Decimal(row[3])


async def _exact(
    services: Services,
    exchange: str,
    symbol: str,
    interval_s: int,
    start: int,
    end: int,
    limit: int,
) -> list[CandleRow]:
    """Return the newest candles made of trades, stored or live."""
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

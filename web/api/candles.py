"""``GET /api/candles``: candles as stored, the newest ones as the live stream has them."""

from typing import Annotated, Literal

import msgspec

from bus.actor import instant
from bus.messages import Candle, CandleUpdate
from market import intervals
from market.candle import EMPTY, add, from_update, vwap
from store import candles as stored_candles
from web import times
from web.frames.native import CandleRow
from web.ranges import MOMENT_MAX, moment, ordered
from web.schema import route
from web.services import Services

LIMIT_MAX = 10_000


class CandlesQuery(msgspec.Struct):
    """``symbol`` is required; the range is half-open, ISO-8601, the newest candles by default."""

    symbol: str
    exchange: str | None = None
    interval: Literal["1m", "5m", "15m", "1h", "4h", "1d", "1w"] = "1m"
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] | None = None


@route("/api/candles", query=CandlesQuery, answer=list[CandleRow], errors=(400, 404, 503))
async def candles(services: Services, query: CandlesQuery) -> list[CandleRow]:
    """Return the newest ``limit`` candles that open in [from, to), in rising order.

    Without ``limit`` it is the whole range, the newest 10,000 of it. Of a stored candle and the
    live one the one with more trades is answered.
    """
    exchange, symbol = services.directory.resolve(query.symbol, query.exchange)
    interval_s = intervals.parse(query.interval)
    start, end = moment(query.start, "from"), moment(query.end, "to")
    limit = query.limit or LIMIT_MAX
    start, end = ordered(start or 0, MOMENT_MAX if end is None else end)
    pool = services.pool
    rows = await stored_candles.history(pool, exchange, symbol, interval_s, start, end, limit)
    found = dict(rows)
    newer = await _newest(services, exchange, symbol, interval_s)
    for ts_open, candle in newer.items():
        held = found.get(ts_open)
        if start <= ts_open < end and (held is None or candle.n > held.n):
            found[ts_open] = candle
    now = instant().wall
    interval_us = interval_s * 1_000_000
    return [
        _row(ts_open, found[ts_open], closed=ts_open + interval_us <= now)
        for ts_open in sorted(found)[-limit:]
    ]


async def _newest(
    services: Services, exchange: str, symbol: str, interval_s: int
) -> dict[int, Candle]:
    """Return the newest candles of an interval with what the live stream knows better."""
    base_s = max(stored for stored in intervals.STORED if interval_s % stored == 0)
    updates = services.hub.latest.candles.get((exchange, symbol, base_s), {})
    live: dict[int, Candle] = {}
    for ts_open, update in updates.items():
        assert isinstance(update.message, CandleUpdate)
        live[ts_open] = from_update(update.message)
    if base_s == interval_s or not live:
        return live
    # Rolled up: the buckets that have a live candle are made anew from all of their parts.
    begin = intervals.bucket(min(live), interval_s)
    parts = await stored_candles.history(
        services.pool, exchange, symbol, base_s, begin, MOMENT_MAX, LIMIT_MAX
    )
    base = dict(parts)
    for ts_open, candle in live.items():
        if ts_open not in base or candle.n > base[ts_open].n:
            base[ts_open] = candle
    rolled: dict[int, Candle] = {}
    for ts_open, candle in base.items():
        bucket = intervals.bucket(ts_open, interval_s)
        rolled[bucket] = add(rolled.get(bucket, EMPTY), candle)
    return rolled


def _row(ts_open: int, candle: Candle, *, closed: bool) -> CandleRow:
    return CandleRow(
        times.iso_seconds(ts_open),
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.n,
        vwap(candle),
        closed,
        candle.n,
    )

"""``GET /api/prices/{symbol}/history``: how a price went, in as many points as a chart wants."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from bus.actor import instant
from market.intervals import bucket
from market.sampling import step_s
from store import candle_rows
from store import candles as stored
from store import history as published
from web import candles, times
from web.frames.fields import Exchange, Moment, Price, Size, Symbol
from web.ranges import last_day
from web.schema import route
from web.services import Services


class HistoryQuery(msgspec.Struct):
    """The range is half-open, ISO-8601; the last 24 hours by default."""

    symbol: str
    exchange: str | None = None
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    points: Annotated[int, Meta(ge=2, le=5000, description="How many points at most")] = 500


class HistoryPoint(msgspec.Struct):
    """One step that had trades."""

    t: Annotated[Moment, Meta(description="Its begin")]
    price: Annotated[Price, Meta(description="Of its last trade")]
    high: Price
    low: Price
    volume: Size


class History(msgspec.Struct):
    """The steps of a range that had trades, in rising order; a step without trades is missing."""

    symbol: Symbol
    exchange: Exchange
    start: Moment = msgspec.field(name="from")
    end: Moment = msgspec.field(name="to")
    step_s: Annotated[int, Meta(description="Length of a step in seconds: whole minutes")]
    points: list[HistoryPoint]


async def _history(services: Services, query: HistoryQuery) -> History:
    """Return the price of the steps that [from, to) touches, the running one included.

    The steps are as short as ``points`` allows, from a minute to weeks: 1m, 2m, 5m … 12h, 1d, 1w;
    in more than 13 days at least an hour, in more than 833 a day. The first begins at ``from`` or
    less than a step before. What begins before the stored data is answered from where these begin,
    by hours or days where minutes do not reach as far back. What is from before the trades began to
    be stored is of the exchange's own candles.
    """
    exchange, symbol = services.directory.resolve(query.symbol, query.exchange)
    now = instant().wall
    start, end = last_day(query.start, query.end, now)
    known = await stored.known(services.pool, exchange, symbol)
    begins = _told_apart(await published.begins(services.pool, exchange, symbol))
    begin = max(start, min(end - 1, min(begins.values(), default=now)))
    span_us = min(end, max(now, begin + 1)) - begin
    # One step more is touched than fit.
    length_s = max(
        step_s(span_us, query.points - 1),
        candle_rows.finest(span_us),
        _reaching(begins, begin, span_us),
    )
    first = bucket(begin, length_s)
    asked = candles.Range.within(exchange, symbol, length_s, first, end, query.points)
    live = services.hub.latest.live_candles(exchange, symbol, candle_rows.base_of(length_s))
    rows = await candles.newest(services.pool, asked, known, live)
    return History(
        symbol,
        exchange,
        times.iso_seconds(start),
        times.iso_seconds(end),
        length_s,
        [
            HistoryPoint(
                times.iso_seconds(row[0] * 1_000_000),
                Decimal(row[4]),
                Decimal(row[2]),
                Decimal(row[3]),
                Decimal(row[5]),
            )
            for row in rows
        ],
    )


def _told_apart(begins: Mapping[int, int]) -> dict[int, int]:
    """Return the begins, of a long candle that of the shorter ones in it, if it has them."""
    told: dict[int, int] = {}
    before = None
    for interval_s, ts_open in sorted(begins.items()):
        same = before is not None and ts_open + interval_s * 1_000_000 > before
        before = told[interval_s] = before if same and before is not None else ts_open
    return told


def _reaching(begins: Mapping[int, int], begin: int, span_us: int) -> int:
    """Return the shortest stored interval, in seconds, that goes back nearly to ``begin``."""
    missed = {one: max(0, ts_open - begin) for one, ts_open in begins.items()}
    least = min(missed.values(), default=0)
    return min((one for one in missed if missed[one] <= least + span_us // 20), default=0)


_declared = partial(
    route, query=HistoryQuery, answer=History, errors=(400, 404, 503), limit="market"
)
history = _declared("/api/prices/{symbol:path}/history")(_history)
as_published = _declared("/prices/{symbol:path}/history")(_history)

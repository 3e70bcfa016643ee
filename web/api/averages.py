"""``GET /api/averages``: the hourly averages of one pair, the running hour included."""

from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from bus.actor import instant
from bus.messages import Average
from market.candle import data_begin_in
from market.symbols import pair as pair_of
from store import candles
from web import times
from web.answers import Refused
from web.missing import missing
from web.ranges import DAY_US, last_day
from web.schema import Format, route
from web.services import Services

SPAN_MAX_US = 31 * DAY_US
HOUR_US = 3_600_000_000


class AveragesQuery(msgspec.Struct):
    """``pair`` is required; ``from`` and ``to`` are ISO-8601, the last 24 hours by default."""

    pair: str
    exchange: str | None = None
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    format: Format = "json"


class Point(msgspec.Struct, omit_defaults=True):
    """One hour: its beginning, the average of its ``n`` trades; ``partial``: some are missing."""

    t: str
    avg: Decimal
    n: int
    partial: bool | UnsetType = UNSET


class Averages(msgspec.Struct):
    """The hours of one pair, in order."""

    pair: str
    points: list[Point]


@route(
    "/api/averages", query=AveragesQuery, answer=Averages, errors=(400, 404, 503), limit="market"
)
async def averages(services: Services, query: AveragesQuery) -> Averages:
    """Return the hours that begin in [from, to), at most 31 days of them.

    An hour is ``partial`` when the trades began to be stored within it, and as long as a gap
    reaches into it that is not filled. A stored hour and the same hour of the live stream are one
    point: the one with more trades.
    """
    exchange, symbol = services.directory.resolve(query.pair, query.exchange)
    start, end = last_day(query.start, query.end, instant().wall)
    if end - start > SPAN_MAX_US:
        raise Refused(400, "the range is longer than 31 days", field="from")
    known = await candles.known(services.pool, exchange, symbol)
    rows = await candles.averages(services.pool, exchange, symbol, start, end)
    found = {row.hour_start: (row.avg, row.n) for row in rows}
    first = -1 if known.since is None else known.since
    gone = await missing(services.pool, exchange, symbol, start, end + HOUR_US, known)
    partial = {hour_start for hour_start in found if data_begin_in(hour_start, first)}
    live = services.hub.latest.averages.get((exchange, symbol), {})
    for hour_start, update in live.items():
        assert isinstance(update.message, Average)
        stored = found.get(hour_start)
        if start <= hour_start < end and (stored is None or update.message.count > stored[1]):
            found[hour_start] = (Decimal(update.message.avg), update.message.count)
            if update.message.partial:
                partial.add(hour_start)
    points = [
        Point(
            times.iso_seconds(hour_start),
            *found[hour_start],
            partial=True
            if hour_start in partial or gone.within(hour_start, hour_start + HOUR_US)
            else UNSET,
        )
        for hour_start in sorted(found)
    ]
    return Averages(pair_of(symbol), points)

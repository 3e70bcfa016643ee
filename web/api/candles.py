"""``GET /api/candles``: candles as stored, the newest ones as the live stream has them."""

from collections.abc import Coroutine
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bus.actor import instant
from market import intervals
from store import candle_rows
from store.instants import LATEST
from web import cursors
from web.answers import Page, Written
from web.candle_reading import Asked, Reading, reading
from web.candles import Range, settled_until
from web.frames.native import CandleRow
from web.patience import within
from web.ranges import whole
from web.schema import Format, route
from web.services import Services

LIMIT_MAX = 10_000


class CandlesQuery(msgspec.Struct):
    """``symbol`` is required; the range is half-open, ISO-8601, the newest candles by default."""

    symbol: str
    exchange: str | None = None
    interval: Literal["1m", "5m", "15m", "1h", "4h", "1d", "1w"] = "1m"
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX)] | None = None
    cursor: Annotated[str, Meta(max_length=cursors.CHARS_MAX)] | None = None
    format: Format = "json"


@route(
    "/api/candles",
    query=CandlesQuery,
    answer=list[CandleRow],
    errors=(400, 404, 503),
    limit="market",
)
async def candles(services: Services, query: CandlesQuery) -> Page:
    """Return the newest ``limit`` candles that open in [from, to), in rising order.

    Without ``limit`` it is the whole range, the newest 10,000 of it. What is not stored as it is
    asked for is made of at most 20,000 stored candles a page: 4,000 of 5m, 1,333 of 15m, 5,000 of
    4h, 2,857 of 1w, whatever ``limit`` says. Within a page candles rise; the cursor leads to the
    page of older ones before it. Of a stored candle and the live one the one with more trades is
    answered. One is ``partial`` when the trades began to be stored within it, and as long as a gap
    reaches into it that is not filled. Where there is none, or one in which the data began that has
    closed, the candle that the exchange itself has published stands, and is of ``origin``
    ``exchange``; so is a longer one of which a part is, if anything was traded in it. It has no
    count of trades: ``n`` and ``revision`` are 0.
    """
    exchange, symbol = services.directory.resolve(query.symbol, query.exchange)
    interval_s = intervals.parse(query.interval)
    start, end = whole(query.start, query.end)
    if query.cursor is not None:
        (before,) = cursors.unpack(query.cursor, tuple[Annotated[int, Meta(ge=0, le=LATEST)]])
        end = min(end, before)
    limit = min(query.limit or LIMIT_MAX, candle_rows.most(interval_s))
    now = instant()
    base = (exchange, symbol, candle_rows.base_of(interval_s))
    live = services.hub.latest.live_candles(*base)
    asked = Asked(
        Range.within(exchange, symbol, interval_s, start, end, limit + 1),
        settled_until(live, interval_s, now.wall),
        bool(live),
        query.format,
    )

    def read() -> Coroutine[Any, Any, Reading]:
        return within(services.limits.answer_within_s, reading(services.pool, asked))

    found = await services.readings.get(asked, now.mono, read)
    # What is live has gone on while the database was read.
    live = services.hub.latest.live_candles(*base)
    texts, oldest = found.newest(live, limit, instant().wall)
    return Page(Written(texts), None if oldest is None else cursors.pack(oldest))

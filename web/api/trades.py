"""``GET /api/trades``: raw trades while they are kept, the newest first."""

from typing import Annotated

import msgspec
from msgspec import Meta

from store import trade_rows
from store.instants import LATEST
from store.trade_rows import TradeRow
from web import cursors, times
from web.answers import Cells, Page
from web.frames.fields import Exchange, Moment, Price, Side, Size, Symbol
from web.ranges import whole
from web.schema import Format, Paging, route
from web.services import Services

_Moment = Annotated[int, Meta(ge=0, le=LATEST)]
_Integer = Annotated[int, Meta(ge=-(1 << 31), lt=1 << 31)]
_Bigint = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class TradesQuery(Paging, kw_only=True):
    """``symbol`` is required; the range is half-open, ISO-8601, everything kept by default."""

    symbol: str
    exchange: str | None = None
    start: str | None = msgspec.field(default=None, name="from")
    end: str | None = msgspec.field(default=None, name="to")
    format: Format = "json"


class TradeLine(msgspec.Struct):
    """One execution."""

    t: Annotated[
        Moment,
        Meta(
            description="When it happened at the exchange, to the microsecond",
            examples=["2025-10-01T14:01:00.123456Z"],
        ),
    ]
    exchange: Exchange
    symbol: Symbol
    trade_id: Annotated[int, Meta(description="The exchange's own")]
    price: Price
    size: Size | None
    side: Annotated[Side | None, Meta(description="The taker's")]


@route(
    "/api/trades", query=TradesQuery, answer=list[TradeLine], errors=(400, 404, 503), limit="market"
)
async def trades(services: Services, query: TradesQuery) -> Page:
    """Return the trades that happened in [from, to), newest first, with all their digits.

    A page goes on exactly where the one before ended, whatever has been stored in between.
    """
    exchange, symbol = services.directory.resolve(query.symbol, query.exchange)
    start, end = whole(query.start, query.end)
    before = None
    if query.cursor is not None:
        before = cursors.unpack(query.cursor, tuple[_Moment, _Integer, _Bigint])
    rows = await trade_rows.newest(
        services.pool, exchange, symbol, start, end, query.limit + 1, before
    )
    page = rows[: query.limit]
    cursor = cursors.pack(*page[-1][:3]) if len(rows) > len(page) else None
    whose = (f'"{exchange}"', f'"{symbol}"')
    return Page(Cells(TradeLine, [_cells(row, whose) for row in page]), cursor)


def _cells(row: TradeRow, whose: tuple[str, str]) -> tuple[str, ...]:
    ts_event, _, trade_id, price, size, side = row
    taker = f'"{side}"' if side else "null"
    return (f'"{times.iso_micros(ts_event)}"', *whose, str(trade_id), price, size or "null", taker)

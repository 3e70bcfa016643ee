"""``GET /api/gaps``: ranges of trades that were missing, what became of them, the newest first."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from store import gaps as stored
from store.gaps import GapRow
from store.instants import LATEST
from web import cursors, times
from web.answers import Page
from web.configured import symbols_of
from web.frames.fields import Exchange, Moment, Symbol
from web.schema import Paging, route
from web.services import Services

_Moment = Annotated[int, Meta(ge=0, le=LATEST)]
# Postgres has no text with a NUL in it.
_Text = Annotated[str, Meta(pattern=r"^[^\0]*\Z")]
_Integer = Annotated[int, Meta(ge=-(1 << 31), lt=1 << 31)]
_Bigint = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class GapsQuery(Paging, kw_only=True):
    """All gaps that there ever were by default."""

    state: Annotated[
        Literal["open", "filled", "unfillable", "all"],
        Meta(description="Only those of this state"),
    ] = "all"
    exchange: (
        Annotated[str, Meta(description="Only those of this exchange", examples=["binance"])] | None
    ) = None
    symbol: (
        Annotated[
            str,
            Meta(
                description="Only those of this symbol, in any spelling; where several exchanges "
                "have it and none is named, of the first",
                examples=["ETH-USDT"],
            ),
        ]
        | None
    ) = None


class MissingTrades(msgspec.Struct):
    """One gap: the ids ``first_id`` to ``last_id``, both included."""

    exchange: Exchange
    symbol: Symbol
    series: Annotated[
        int, Meta(description="Which numbering the ids are of: it rises when ids begin anew")
    ]
    first_id: Annotated[int, Meta(description="The first id that was missing")]
    last_id: Annotated[int, Meta(description="The last id that was missing")]
    ids: Annotated[int, Meta(ge=1, description="How many ids that are")]
    state: Annotated[
        stored.State,
        Meta(
            description="open: trades are missing; filled: all are there; unfillable: what is "
            "still missing, the exchange does not have any more"
        ),
    ]
    reason: Annotated[str, Meta(description="Why it was opened")]
    opened_at: Annotated[Moment, Meta(description="When it was stored that they are missing")]
    closed_at: Annotated[
        Moment | None, Meta(description="When it was filled or found unfillable, null while open")
    ]


@route(
    "/api/gaps", query=GapsQuery, answer=list[MissingTrades], errors=(400, 404, 503), limit="market"
)
async def gaps(services: Services, query: GapsQuery) -> Page:
    """Return ranges of trades that were missing, the one that was opened last first.

    A page goes on exactly where the one before ended; a gap that opens again meanwhile is a new
    one, and stands before the first page.
    """
    exchange, symbol = query.exchange, None
    if query.symbol is not None:
        exchange, symbol = services.directory.resolve(query.symbol, query.exchange)
    elif exchange is not None:
        exchange = symbols_of(services, exchange)[0][0]
    before = None
    if query.cursor is not None:
        before = cursors.unpack(
            query.cursor, tuple[_Moment, _Text, _Text, _Integer, _Bigint, _Bigint]
        )
    rows = await stored.newest(
        services.pool,
        query.limit + 1,
        state=None if query.state == "all" else query.state,
        exchange=exchange,
        symbol=symbol,
        before=before,
    )
    page = rows[: query.limit]
    cursor = cursors.pack(*page[-1][:6]) if len(rows) > len(page) else None
    return Page([_missing(row) for row in page], cursor)


def _missing(row: GapRow) -> MissingTrades:
    return MissingTrades(
        exchange=row.exchange,
        symbol=row.symbol,
        series=row.series,
        first_id=row.first_id,
        last_id=row.last_id,
        ids=row.last_id - row.first_id + 1,
        state=row.state,
        reason=row.reason,
        opened_at=times.iso(row.opened_at),
        closed_at=None if row.closed_at is None else times.iso(row.closed_at),
    )

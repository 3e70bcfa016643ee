"""``GET /api/prices`` and ``GET /api/market/price/{coin_id}``: present prices, from memory."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bus.actor import instant
from bus.messages import Consolidated, Exclusion
from web import cursors, times
from web.answers import Page
from web.frames.fields import Exchange, Moment, Price, Symbol
from web.present import PriceNow, price_now
from web.schema import Paging, route
from web.services import Services


class PriceQuery(msgspec.Struct):
    """``coin_id`` stands in the path."""

    coin_id: Annotated[
        str,
        Meta(
            description="A coin's id at CoinGecko, or a symbol in any spelling",
            examples=["bitcoin", "BTC-USD"],
        ),
    ]


class PriceSourceNow(msgspec.Struct):
    """One symbol's part in the price of a coin."""

    exchange: Exchange
    symbol: Symbol
    price: Annotated[Price, Meta(description="Median of its last five trades")]
    timestamp: Annotated[Moment, Meta(description="When its last trade happened")]
    excluded: Annotated[
        Exclusion | None,
        Meta(description="Why it does not count: null where it does; see docs/tap.md"),
    ]


class CoinPrice(PriceNow):
    """The present price of a coin: the median over the exchanges that can be believed now.

    What is not a price stands for ``symbol``, the first one configured; where no median can be had,
    and where a symbol was asked for, ``price`` and ``timestamp`` do too, and ``sources`` has no
    part in them.
    """

    sources: list[PriceSourceNow]


class AnsweredAt(msgspec.Struct):
    """When the answer was made."""

    timestamp: Moment


class PriceEnvelope(msgspec.Struct):
    """One price, as routes under ``/api/market`` answer."""

    success: Literal[True]
    data: CoinPrice
    meta: AnsweredAt


@route("/api/prices", query=Paging, answer=list[PriceNow], errors=(400,), limit="market")
def prices(services: Services, query: Paging) -> Page:
    """Return the present price of every configured symbol, in the order of the configuration."""
    keys, cursor = cursors.part(services.directory.all, query.limit, query.cursor)
    now = instant()
    return Page([price_now(services, *key, now) for key in keys], cursor)


@route(
    "/api/market/price/{coin_id:path}",
    query=PriceQuery,
    answer=PriceEnvelope,
    errors=(400, 404),
    limit="market",
)
def price(services: Services, query: PriceQuery) -> PriceEnvelope:
    """Return the present price of one coin, in dollars; 404 where no configured symbol has them.

    It is the median over the exchanges, of which ``sources`` has the parts. A symbol instead of a
    coin's id is answered with that symbol's own price, and no sources.
    """
    exchange, symbol = services.directory.coin(query.coin_id)
    asset = services.directory.asset(query.coin_id)
    now = instant()
    own = price_now(services, exchange, symbol, now)
    made = None if asset is None else services.hub.latest.consolidated.get(asset)
    data = CoinPrice(**msgspec.structs.asdict(own), sources=_sources(made))
    if made is not None and made.price is not None:
        data.price, data.timestamp = Decimal(made.price), times.iso(made.ts_event)
    return PriceEnvelope(success=True, data=data, meta=AnsweredAt(times.iso(now.wall)))


def _sources(made: Consolidated | None) -> list[PriceSourceNow]:
    return [
        PriceSourceNow(
            one.exchange, one.symbol, Decimal(one.price), times.iso(one.ts_event), one.excluded
        )
        for one in (made.sources if made is not None else ())
    ]

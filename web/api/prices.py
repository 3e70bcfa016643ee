"""``GET /api/prices`` and ``GET /api/market/price/{coin_id}``: present prices, from memory."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bus.actor import instant
from web import cursors, times
from web.answers import Page
from web.frames.fields import Moment
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


class AnsweredAt(msgspec.Struct):
    """When the answer was made."""

    timestamp: Moment


class PriceEnvelope(msgspec.Struct):
    """One price, as routes under ``/api/market`` answer."""

    success: Literal[True]
    data: PriceNow
    meta: AnsweredAt


@route("/api/prices", query=Paging, answer=list[PriceNow], errors=(400,))
async def prices(services: Services, query: Paging) -> Page:
    """Return the present price of every configured symbol, in the order of the configuration."""
    keys, cursor = cursors.part(services.directory.all, query.limit, query.cursor)
    now = instant()
    return Page([price_now(services, *key, now) for key in keys], cursor)


@route(
    "/api/market/price/{coin_id:path}", query=PriceQuery, answer=PriceEnvelope, errors=(400, 404)
)
async def price(services: Services, query: PriceQuery) -> PriceEnvelope:
    """Return the present price of one coin, in dollars; 404 where no configured symbol has them.

    A symbol instead of a coin's id is answered with that symbol's own price.
    """
    exchange, symbol = services.directory.coin(query.coin_id)
    now = instant()
    data = price_now(services, exchange, symbol, now)
    return PriceEnvelope(success=True, data=data, meta=AnsweredAt(times.iso(now.wall)))

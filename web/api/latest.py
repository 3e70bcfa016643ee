"""``GET /api/latest``: the last trade of some symbols, cheap enough to be asked for every 2 s."""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from web import times
from web.frames.fields import Moment, Price, Size
from web.present import number, ticker_of
from web.schema import route
from web.services import Services


class LatestQuery(msgspec.Struct):
    """``symbols``: a comma list of symbols in any spelling; all by default."""

    symbols: str | None = None


class LatestTrade(msgspec.Struct):
    """The last trade of one symbol; all null but ``symbol`` where none was ever received."""

    symbol: Annotated[str, Meta(description="As it was asked for", examples=["BTC"])]
    price: Price | None
    volume: Annotated[Size | None, Meta(description="Size of that trade, in units of the base")]
    timestamp: Annotated[Moment | None, Meta(description="When it happened")]


@route(
    "/api/latest",
    query=LatestQuery,
    answer=list[LatestTrade],
    errors=(400, 404),
    etag=True,
    limit="market",
)
def latest(services: Services, query: LatestQuery) -> list[LatestTrade]:
    """Return the last trade of each symbol, from memory, in the order that was asked for.

    Without ``symbols`` it is every configured one, under the shortest name that means it.
    """
    directory = services.directory
    if query.symbols is None:
        wanted = [(directory.name_of(*key), *key) for key in directory.all]
    else:
        names = [name.strip() for name in query.symbols.split(",") if name.strip()]
        wanted = [(name, *directory.resolve(name)) for name in names]
    return [_last(services, *each) for each in wanted]


def _last(services: Services, name: str, exchange: str, symbol: str) -> LatestTrade:
    ticker = ticker_of(services, exchange, symbol)
    if ticker is None:
        return LatestTrade(name, None, None, None)
    return LatestTrade(name, Decimal(ticker.price), number(ticker.size), times.iso(ticker.ts_event))

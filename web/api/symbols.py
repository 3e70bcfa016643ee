"""``GET /api/symbols``: what is configured, how it is spelled, and what its exchange lists."""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from market import symbols as spelling
from web import cursors
from web.answers import Page
from web.frames.fields import CoinId, Exchange, Pair, Symbol
from web.present import Listed, State, asset_name, listings
from web.schema import Paging, route
from web.services import Services


class SymbolRow(msgspec.Struct):
    """One configured symbol; what the exchange has not been asked yet is null."""

    exchange: Exchange
    symbol: Symbol
    pair: Pair
    name: Annotated[str, Meta(description="The shortest name that means it", examples=["BTC"])]
    base: Annotated[str, Meta(description="What is traded", examples=["ETH"])]
    quote: Annotated[str, Meta(description="What it is priced in", examples=["USDT"])]
    coin_id: CoinId
    asset_name: Annotated[str | None, Meta(description="Name of the base", examples=["Ethereum"])]
    tick_size: Annotated[Decimal | None, Meta(description="Smallest step of the price")]
    size_step: Annotated[Decimal | None, Meta(description="Smallest step of a size")]
    decimals: Annotated[int | None, Meta(description="Digits of a price after the point")]
    listed: Annotated[bool | None, Meta(description="Whether the exchange lists it")]
    nearest: Annotated[
        str | None, Meta(description="Where it is not listed: the one spelled most alike")
    ]
    state: State | None


@route("/api/symbols", query=Paging, answer=list[SymbolRow], errors=(400,), limit="market")
def symbols(services: Services, query: Paging) -> Page:
    """Return every configured symbol, in the order of the configuration."""
    keys, cursor = cursors.part(services.directory.all, query.limit, query.cursor)
    known = listings(services)
    return Page([_row(services, *key, known[key]) for key in keys], cursor)


def _row(services: Services, exchange: str, symbol: str, known: Listed) -> SymbolRow:
    return SymbolRow(
        exchange=exchange,
        symbol=symbol,
        pair=spelling.pair(symbol),
        name=services.directory.name_of(exchange, symbol),
        base=spelling.base(symbol),
        quote=spelling.quote(symbol),
        coin_id=spelling.coin_id(symbol),
        asset_name=asset_name(symbol),
        tick_size=known.tick_size,
        size_step=known.size_step,
        decimals=known.decimals,
        listed=known.listed,
        nearest=known.nearest,
        state=known.state,
    )

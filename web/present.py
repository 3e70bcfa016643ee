"""The present state of the configured symbols, from memory: prices, and what the exchange lists.

In come what the bus has told this process and the moment it is now; out go typed values for the
routes. No database is asked.
"""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bus.actor import Instant
from bus.messages import FeedStatus, SymbolStatus, Ticker
from market import symbols
from market.symbols import ASSETS, DOLLARS
from web import times
from web.frames.fields import CoinId, Exchange, Moment, Percent, Price, Size, Symbol
from web.services import Services

State = Literal["never received", "live", "quiet", "stale", "standby"]
_NOTHING = (None,) * 10
_ASSET_NAMES = {asset.code: asset.name for asset in ASSETS}


class PriceNow(msgspec.Struct):
    """The present price of one symbol; what was never received, or is not known yet, is null."""

    coin_id: CoinId
    symbol: Symbol
    exchange: Exchange
    price: Price | None
    volume: Annotated[Size | None, Meta(description="Size of the last trade, in units of the base")]
    timestamp: Annotated[Moment | None, Meta(description="When the last trade happened")]
    change_24h: Price | None
    change_24h_pct: Percent | None
    high_24h: Price | None
    low_24h: Price | None
    volume_24h: Size | None
    turnover_24h: Annotated[
        Decimal | None,
        Meta(
            description="What was paid for it, in units of the quote; null as long as a part of it "
            "is of the exchange's own candles"
        ),
    ]
    age_ms: Annotated[int | None, Meta(description="Since the last trade was received, ms")]
    stale: Annotated[bool, Meta(description="Old although there should be a newer price")]


class Listed(msgspec.Struct, frozen=True):
    """What is known of a symbol beside its price."""

    state: State | None
    listed: bool | None
    nearest: str | None
    tick_size: Decimal | None
    size_step: Decimal | None
    decimals: int | None


def ticker_of(services: Services, exchange: str, symbol: str) -> Ticker | None:
    """Return the latest state of a symbol; None when it has never been received."""
    update = services.hub.latest.tickers.get((exchange, symbol))
    if update is None:
        return None
    assert isinstance(update.message, Ticker)
    return update.message


def price_now(services: Services, exchange: str, symbol: str, now: Instant) -> PriceNow:
    """Return the present price of a symbol."""
    ticker = ticker_of(services, exchange, symbol)
    coin_id = symbols.coin_id(symbol)
    if ticker is None:
        return PriceNow(coin_id, symbol, exchange, *_NOTHING, stale=False)
    return PriceNow(
        coin_id,
        symbol,
        exchange,
        price=Decimal(ticker.price),
        volume=number(ticker.size),
        timestamp=times.iso(ticker.ts_event),
        change_24h=number(ticker.change_24h),
        change_24h_pct=number(ticker.change_24h_pct),
        high_24h=number(ticker.high_24h),
        low_24h=number(ticker.low_24h),
        volume_24h=number(ticker.volume_24h),
        turnover_24h=number(ticker.turnover_24h),
        age_ms=max(0, now.wall - ticker.ts_recv) // 1000,
        stale=services.hub.latest.stale(ticker, now),
    )


def listings(services: Services) -> dict[tuple[str, str], Listed]:
    """Return what the feeds say of each configured symbol."""
    found: dict[tuple[str, str], SymbolStatus] = {}
    for exchange, update in services.hub.latest.feeds.items():
        assert isinstance(update.message, FeedStatus)
        for each in update.message.symbols:
            found[exchange, each.symbol] = each
    return {key: _listed(found.get(key)) for key in services.directory.all}


def _listed(status: SymbolStatus | None) -> Listed:
    if status is None:
        return Listed(None, None, None, None, None, None)
    tick_size = number(status.tick_size)
    return Listed(
        state=status.state,
        listed=status.listed,
        nearest=status.nearest,
        tick_size=tick_size,
        size_step=number(status.size_step),
        decimals=None if tick_size is None else places(tick_size),
    )


def places(step: Decimal) -> int:
    """Return how many digits after the point a multiple of ``step`` can have."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a checked decimal is finite"
    return max(0, -exponent)


def asset_name(symbol: str) -> str | None:
    """Return the name of what a symbol trades, ``Bitcoin``; None where it is not known."""
    return _ASSET_NAMES.get(symbols.base(symbol))


def dollars(services: Services, symbol: str) -> Decimal | None:
    """Return what one unit of a symbol's quote is worth in dollars here; None when unknown.

    A dollar, and a coin that stands for one, is worth one.
    """
    quote = symbols.quote(symbol)
    if quote in DOLLARS:
        return Decimal(1)
    try:
        exchange, traded = services.directory.coin(quote)
    except LookupError:
        return None
    ticker = ticker_of(services, exchange, traded)
    is_its_price = symbols.base(traded) == quote and symbols.quote(traded) in DOLLARS
    return Decimal(ticker.price) if ticker is not None and is_its_price else None


def number(text: str | None) -> Decimal | None:
    """Return a checked decimal text as a Decimal, None for None."""
    return None if text is None else Decimal(text)

"""``GET /api/markets``: the symbols as a market table: prices, 24 hours, a line of closes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bus.actor import Instant, instant
from bus.messages import CandleUpdate
from market import symbols
from market.decimals import quotient
from market.intervals import bucket
from store import candle_rows, history
from store.pool import Pool
from web import cursors
from web.answers import Page
from web.configured import symbols_of
from web.patience import within
from web.present import (
    Listed,
    PriceNow,
    asset_name,
    dollars,
    listings,
    number,
    price_now,
    ticker_of,
)
from web.schema import Paging, is_away, route
from web.services import Services

HOUR_US = 3_600_000_000
HOURS = 24
PATIENCE_S = 0.5
"""How long the table of prices waits for the database, for its lines alone."""
Key = tuple[str, str]
"""(exchange, symbol)."""


class MarketsQuery(Paging, kw_only=True):
    """``gainers`` and ``losers`` are by the change of 24 hours in percent."""

    sort: Literal["gainers", "losers", "volume"] = "volume"
    exchange: str | None = None


class Market(PriceNow, kw_only=True):
    """One symbol: its price as ``/api/prices`` has it, what it is, and how it went."""

    name: Annotated[str | None, Meta(description="Name of the base", examples=["Ethereum"])]
    base: Annotated[str, Meta(description="What is traded", examples=["ETH"])]
    quote: Annotated[str, Meta(description="What it is priced in", examples=["USDT"])]
    sparkline: Annotated[
        list[Decimal | None] | None,
        Meta(
            description="The last price of each of 24 hours, the running one last, by the exchange "
            "where we stored no trade; null where an hour had none, null altogether while the "
            "database does not answer"
        ),
    ]
    tick_size: Annotated[Decimal | None, Meta(description="Smallest step of the price")]
    decimals: Annotated[int | None, Meta(description="Digits of a price after the point")]


@route("/api/markets", query=MarketsQuery, answer=list[Market], errors=(400, 404), limit="market")
async def markets(services: Services, query: MarketsQuery) -> Page:
    """Return the configured symbols, those with the most of what is asked for first.

    Volumes are compared as turnovers in dollars, at the present price where the turnover is not
    known of all the 24 hours; what is not known at all stands last. As the order lives,
    a page says what has these places now.
    """
    keys = symbols_of(services, query.exchange)
    ranks = {key: _rank(services, key, query.sort) for key in keys}
    ordered = sorted(keys, key=ranks.__getitem__)
    page, cursor = cursors.part(ordered, query.limit, query.cursor)
    now = instant()
    lines = await _sparklines(services, page, now)
    known = listings(services)
    rows = [_market(services, key, known[key], lines.get(key), now) for key in page]
    return Page(rows, cursor)


def _rank(services: Services, key: Key, sort: str) -> tuple[bool, Decimal]:
    """Return what sorts before what: the greater value first, an unknown one last."""
    value = _value(services, key, sort)
    if value is None:
        return (True, Decimal(0))
    return (False, value if sort == "losers" else -value)


def _value(services: Services, key: Key, sort: str) -> Decimal | None:
    ticker = ticker_of(services, *key)
    if ticker is None:
        return None
    if sort != "volume":
        return number(ticker.change_24h_pct)
    turnover, rate = number(ticker.turnover_24h), dollars(services, key[1])
    if turnover is None and ticker.volume_24h is not None:
        turnover = quotient(Decimal(ticker.volume_24h), 1) * Decimal(ticker.price)
    # Rounded, so that the product has less digits than the exact context holds.
    return None if turnover is None or rate is None else quotient(turnover, 1) * rate


async def _sparklines(
    services: Services, keys: Sequence[Key], now: Instant
) -> dict[Key, list[Decimal | None]]:
    """Return 24 hourly closes of each symbol; nothing while the database does not answer."""
    firsts: dict[Key, int] = {}
    for key in keys:
        ticker = ticker_of(services, *key)
        running = ticker.hour_start if ticker else bucket(now.wall, 3600)
        firsts[key] = running - (HOURS - 1) * HOUR_US
    try:
        stored = await within(PATIENCE_S, _closes(services.pool, firsts))
    except Exception as error:
        if not is_away(error):
            raise
        return {}
    lines: dict[Key, list[Decimal | None]] = {}
    for key, first in firsts.items():
        hours = stored[key]
        for ts_open, update in services.hub.latest.candles.get((*key, 3600), {}).items():
            assert isinstance(update.message, CandleUpdate)
            second = ts_open // 1_000_000
            if second not in hours or update.message.n > hours[second][0]:
                hours[second] = (update.message.n, Decimal(update.message.close))
        seconds = [first // 1_000_000 + 3600 * number for number in range(HOURS)]
        lines[key] = [hours[second][1] if second in hours else None for second in seconds]
    return lines


async def _closes(
    pool: Pool, firsts: Mapping[Key, int]
) -> dict[Key, dict[int, tuple[int, Decimal]]]:
    """Return ``{hour in seconds: (n, close)}`` of 24 hours; n is 0 in the exchange's own hours."""
    published = await history.closes(pool, firsts)
    stored = await candle_rows.closes(pool, firsts)
    return {
        key: {hour: (0, close) for hour, close in published[key].items()} | hours
        for key, hours in stored.items()
    }


def _market(
    services: Services, key: Key, known: Listed, line: list[Decimal | None] | None, now: Instant
) -> Market:
    exchange, symbol = key
    return Market(
        **msgspec.structs.asdict(price_now(services, exchange, symbol, now)),
        name=asset_name(symbol),
        base=symbols.base(symbol),
        quote=symbols.quote(symbol),
        sparkline=line,
        tick_size=known.tick_size,
        decimals=known.decimals,
    )

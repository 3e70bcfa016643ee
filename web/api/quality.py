"""``GET /api/quality``: how good each symbol's data is, from memory: no database is asked."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from bus.actor import Instant, instant
from bus.messages import FeedStatus, SymbolStatus
from web import cursors
from web.answers import Page
from web.configured import symbols_of
from web.frames.fields import Exchange, Symbol, SymbolName
from web.present import State, ticker_of
from web.schema import Paging, route
from web.services import Services

Count = Annotated[int, Meta(ge=0)]
_NOTHING = (None,) * 12


class QualityQuery(Paging, kw_only=True):
    """All configured symbols by default."""

    exchange: (
        Annotated[str, Meta(description="Only symbols of this exchange", examples=["binance"])]
        | None
    ) = None
    symbol: (
        Annotated[
            str,
            Meta(
                description="Only this symbol, in any spelling; where several exchanges have it "
                "and none is named, of the first",
                examples=["ETH-USDT"],
            ),
        ]
        | None
    ) = None


class Quality(msgspec.Struct):
    """One symbol as its feed last told of it; all null but ``stale`` where it never did."""

    exchange: Exchange
    symbol: Symbol
    state: Annotated[
        State | None,
        Meta(
            description="quiet: no trade for long, and none is to be expected; stale: one is; "
            "standby: not asked for while the symbol that it stands in for is well"
        ),
    ]
    age_ms: Annotated[Count | None, Meta(description="Since the last trade was received, ms")]
    stale: Annotated[bool, Meta(description="The price is old although there should be a newer")]
    gaps_open: Annotated[Count | None, Meta(description="Ranges of trade ids missing now")]
    missing: Annotated[Count | None, Meta(description="Trade ids missing now, in all of them")]
    gaps_filled: Annotated[
        Count | None, Meta(description="Ranges that were had after all, since the feed started")
    ]
    gaps_unfillable: Annotated[
        Count | None,
        Meta(description="Ranges the exchange does not have any more, since the feed started"),
    ]
    duplicates: Annotated[
        Count | None,
        Meta(description="Trades that came once more and were dropped, since the feed started"),
    ]
    quarantined: Annotated[
        Count | None, Meta(description="Trades that were not believed, since the feed started")
    ]
    lag_p50_ms: Annotated[
        float | None,
        Meta(
            description="Median time from a trade at the exchange to its receipt, of the last "
            "trades, ms; negative where the clocks differ by more"
        ),
    ]
    lag_p99_ms: Annotated[float | None, Meta(description="The 99th percentile of the same, ms")]
    gapless: Annotated[
        bool | None,
        Meta(description="The exchange numbers its trades, so that a missing one is noticed"),
    ]
    listed: Annotated[bool | None, Meta(description="Whether the exchange lists it; null: unknown")]
    nearest: Annotated[
        Symbol | None, Meta(description="Where it is not listed: the one spelled most alike")
    ]
    stands_in_for: Annotated[
        SymbolName | None,
        Meta(
            description="It is only asked for while this one fails", examples=["binance:ETH-USDT"]
        ),
    ]


@route("/api/quality", query=QualityQuery, answer=list[Quality], errors=(400, 404), limit="market")
def quality(services: Services, query: QualityQuery) -> Page:
    """Return the age, the gaps, the duplicates and the delay of each symbol's trades.

    In the order of the configuration; as the feeds say them, once a second.
    """
    if query.symbol is None:
        keys = symbols_of(services, query.exchange)
    else:
        keys = [services.directory.resolve(query.symbol, query.exchange)]
    page, cursor = cursors.part(keys, query.limit, query.cursor)
    now = instant()
    feeds = {exchange: _feed(services, exchange) for exchange, _ in page}
    return Page([_quality(services, *key, feeds[key[0]], now) for key in page], cursor)


class _Feed(NamedTuple):
    """What the feed of an exchange last told."""

    gapless: bool | None
    symbols: Mapping[str, SymbolStatus]


def _feed(services: Services, exchange: str) -> _Feed:
    told = services.hub.latest.feeds.get(exchange)
    if told is None:
        return _Feed(None, {})
    assert isinstance(told.message, FeedStatus)
    return _Feed(told.message.gapless, {each.symbol: each for each in told.message.symbols})


def _quality(services: Services, exchange: str, symbol: str, feed: _Feed, now: Instant) -> Quality:
    latest = services.hub.latest
    ticker = ticker_of(services, exchange, symbol)
    stale = ticker is not None and latest.stale(ticker, now)
    told = feed.symbols.get(symbol)
    if told is None:
        return Quality(exchange, symbol, None, None, stale, *_NOTHING)
    return Quality(
        exchange=exchange,
        symbol=symbol,
        state=told.state,
        age_ms=None if told.last_recv is None else max(0, now.wall - told.last_recv) // 1000,
        # Where the aggregator has not told of a price yet, what its feed says of it counts.
        stale=stale if ticker is not None else told.state == "stale",
        gaps_open=told.gaps_open,
        missing=told.missing,
        gaps_filled=told.gaps_filled,
        gaps_unfillable=told.gaps_unfillable,
        duplicates=told.duplicates,
        quarantined=told.quarantined,
        lag_p50_ms=_ms(told.lag_p50_us),
        lag_p99_ms=_ms(told.lag_p99_us),
        gapless=feed.gapless,
        listed=told.listed,
        nearest=told.nearest,
        stands_in_for=told.stands_in_for,
    )


def _ms(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1000

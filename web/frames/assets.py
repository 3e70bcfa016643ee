"""The frames of ``/ws?shape=assets`` that differ from the native ones: those with prices."""

from typing import Annotated

from msgspec import Meta, Struct

from web.frames.fields import Moment, Percent, Price, Size

_PUBLISHED = {
    "current_price": "currentPrice",
    "price_change_24h": "priceChange24h",
    "price_change_percentage_24h": "priceChangePercentage24h",
    "high_24h": "high24h",
    "low_24h": "low24h",
    "volume_24h": "volume24h",
    "last_updated": "lastUpdated",
}


class Asset(Struct, rename=_PUBLISHED):
    """The latest state of one asset; a value that is not known is null."""

    symbol: Annotated[
        str,
        Meta(
            description="The shortest name that means this symbol, its exchange where need be",
            examples=["BTC", "BTC-USDT", "binance:BTC-USDT"],
        ),
    ]
    current_price: Price
    price_change_24h: Price | None
    price_change_percentage_24h: Percent | None
    high_24h: Price | None
    low_24h: Price | None
    volume_24h: Size | None
    last_updated: Annotated[Moment, Meta(description="When the last trade happened")]


class Assets(Struct):
    """One or more assets."""

    assets: list[Asset]


class AssetsUpdateFrame(Struct, tag="price_update", tag_field="type"):
    """Prices have changed."""

    payload: Assets
    timestamp: Moment


class AssetsSnapshotFrame(Struct, tag="snapshot", tag_field="type"):
    """The present prices of what was just subscribed to."""

    payload: Assets
    timestamp: Moment


SENDS: tuple[type[Struct], ...] = (AssetsUpdateFrame, AssetsSnapshotFrame)

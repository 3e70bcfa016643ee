"""The frames of ``/ws/quotes`` and of the data of ``/sse/quotes``: as published, and no other."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from web.frames.fields import EpochMs, Moment, Pair, Price


class QuoteTick(Struct):
    """A pair's last price."""

    pair: Pair
    price: Price
    ts: EpochMs


class QuoteTickFrame(Struct, tag="tick", tag_field="type"):
    """A new price."""

    payload: QuoteTick


class QuoteAverage(Struct, rename="camel"):
    """The average trade price of one hour so far."""

    pair: Pair
    hour_start_utc: Annotated[Moment, Meta(examples=["2025-10-01T15:00:00.000Z"])]
    avg: Price
    count: Annotated[int, Meta(description="Trades in it")]
    last_ts: Annotated[EpochMs, Meta(description="Its last trade: epoch ms, UTC")]


class QuoteAverageFrame(Struct, tag="avg", tag_field="type"):
    """An hour's average has changed."""

    payload: QuoteAverage


class QuoteStatus(Struct):
    """The state of the data of the connection's pairs."""

    status: Literal["connecting", "connected", "disconnected", "error"]
    reason: Annotated[
        str | UnsetType, Meta(description="`stale`, or a sentence", examples=["stale"])
    ] = UNSET


class QuoteStatusFrame(Struct, tag="status", tag_field="type"):
    """The state of the data, at the beginning and when it changes."""

    payload: QuoteStatus


SENDS: tuple[type[Struct], ...] = (QuoteTickFrame, QuoteAverageFrame, QuoteStatusFrame)


class Wanted(Struct):
    """Some pairs."""

    pairs: Annotated[
        list[str] | None, Meta(description="Pairs in any spelling; null or absent: all")
    ] = None


class HelloFrame(Struct, tag="hello", tag_field="type"):
    """Be sent these pairs and no other; ``pairs`` may stand in a payload too."""

    pairs: list[str] | None = None
    payload: Wanted | None = None


HEARS: tuple[type[Struct], ...] = (HelloFrame,)

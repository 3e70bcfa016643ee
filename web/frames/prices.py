"""The frames of ``/ws/prices`` and ``/api/market/stream``: ``{"type", "data"}``, both ways."""

from typing import Annotated

from msgspec import Meta, Struct

from web.frames.fields import Code, CoinId, Moment, Price, Sentence

CoinText = Annotated[str, Meta(min_length=1, max_length=64, examples=["bitcoin"])]


class CoinPrice(Struct):
    """A coin's last price, in US dollars unless another symbol was asked for by its name."""

    coin_id: CoinId
    price: Price
    timestamp: Annotated[Moment, Meta(examples=["2025-10-25T10:30:15Z"])]


class CoinPriceFrame(Struct, tag="price_update", tag_field="type"):
    """A coin's present price, then each change."""

    data: CoinPrice


class CoinComplaint(Struct):
    """What was not done, and why."""

    code: Code
    message: Sentence


class CoinErrorFrame(Struct, tag="error", tag_field="type"):
    """Some of what was said cannot be done; the socket stays open, the rest is done."""

    data: CoinComplaint


class CoinNothing(Struct):
    """An empty object."""


class CoinPongFrame(Struct, tag="pong", tag_field="type"):
    """The answer to ``ping``."""

    data: CoinNothing


class Coins(Struct):
    """Some coins."""

    coins: list[CoinId]


class CoinsSubscribedFrame(Struct, tag="subscribed", tag_field="type"):
    """The answer to ``subscribe``: the ids of all coins that are sent now."""

    data: Coins


class CoinsUnsubscribedFrame(Struct, tag="unsubscribed", tag_field="type"):
    """The answer to ``unsubscribe``: the ids of all coins that are still sent."""

    data: Coins


SENDS: tuple[type[Struct], ...] = (
    CoinPriceFrame,
    CoinsSubscribedFrame,
    CoinsUnsubscribedFrame,
    CoinPongFrame,
    CoinErrorFrame,
)


class CoinNames(Struct):
    """Coins by their ids (``bitcoin``), codes (``BTC``) or symbols (``binance:BTC-USDT``)."""

    coins: Annotated[list[CoinText], Meta(max_length=200)]


class CoinsSubscribeFrame(Struct, tag="subscribe", tag_field="type"):
    """Be sent these coins too; ``coins`` may also stand beside ``type``."""

    data: CoinNames


class CoinsUnsubscribeFrame(Struct, tag="unsubscribe", tag_field="type"):
    """Be sent them no more."""

    data: CoinNames


class CoinsPingFrame(Struct, tag="ping", tag_field="type"):
    """Be answered ``pong``."""


HEARS: tuple[type[Struct], ...] = (CoinsSubscribeFrame, CoinsUnsubscribeFrame, CoinsPingFrame)

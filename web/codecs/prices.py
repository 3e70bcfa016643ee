"""The frames of ``/ws/prices``: ``{"type", "data"}``.

The price has the exchange's own digits, ``timestamp`` is when the last trade happened, to the
second. Here are values in, texts out.
"""

from collections.abc import Collection, Hashable

import msgspec

from bus.actor import Instant
from bus.messages import Ticker, TradeBatch
from market.symbols import coin_id
from web.fanout import text_frame
from web.times import iso_seconds
from web.update import Channel, Update

_WITHOUT_FLAGS: tuple[Channel, ...] = ("ticker",)
NAME = "prices"
_encode = msgspec.json.Encoder().encode


class PricesCodec:
    """How the updates become frames."""

    kind: Hashable = NAME
    without_flags: Collection[Channel] = _WITHOUT_FLAGS

    @property
    def plain(self) -> "PricesCodec":
        """It: these frames are never compressed."""
        return self

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return their frames."""
        return [text_frame(frame(update)) for update in updates]

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> bytes:
        """Never asked for: nobody here watches trades."""
        raise AssertionError("a client of prices watches no trades")

    def say(self, text: str) -> bytes:
        """Return the frame of a text."""
        return text_frame(text)


def frame(update: Update) -> str:
    """Return the frame of an update of a ticker, made once."""
    text = update.texts.get(NAME)
    if text is None:
        assert isinstance(update.message, Ticker)
        text = update.texts[NAME] = price(update.message)
    return text


def price(value: Ticker) -> str:
    """Return ``{"type":"price_update","data":{"coin_id":"bitcoin","price":45250.50,…}}``."""
    return (
        f'{{"type":"price_update","data":{{"coin_id":"{coin_id(value.symbol)}",'
        f'"price":{value.price},"timestamp":"{iso_seconds(value.ts_event)}"}}}}'
    )


def message(frame: msgspec.Struct) -> str:
    """Return a frame of a type of ``web.frames.prices``."""
    return _encode(frame).decode()

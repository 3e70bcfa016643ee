"""The frames of ``/ws?shape=assets``: as the native ones, but for those with prices.

These are ``{"assets": [{"symbol", "currentPrice", "priceChange24h", …}]}``, the published spelling,
one asset or many. ``lastUpdated`` is when the last trade happened; a missing value is null.
"""

from collections.abc import Collection, Hashable, Sequence

from bus.actor import Instant
from bus.messages import Ticker
from market.symbols import Directory
from web.codecs import native
from web.codecs.native import NativeCodec
from web.fanout import Framed, text_frame
from web.times import iso
from web.update import Channel, Update

_WITHOUT_FLAGS: tuple[Channel, ...] = ("ticker",)
NAME = "assets"


class AssetsCodec(NativeCodec):
    """How the updates become frames.

    Args:
        directory: says by which name an asset is called.
        say: makes a text a frame.
        plain: the same without compression, where that is another one.
    """

    without_flags: Collection[Channel] = _WITHOUT_FLAGS

    def __init__(
        self,
        directory: Directory,
        say: Framed = text_frame,
        plain: "AssetsCodec | None" = None,
    ) -> None:
        super().__init__(say, plain)
        self.kind: Hashable = (NAME, say)
        self._directory = directory

    def updates(self, updates: list[Update], now: Instant) -> list[bytes]:
        """Return their frames; tickers share one."""
        if updates[0].channel != "ticker":
            return super().updates(updates, now)
        return [self.say(native.frame("price_update", self._assets(updates), now.wall))]

    def present(self, channel: Channel, updates: Sequence[Update], now: Instant) -> str:
        """Return the snapshot of a channel where the newest value wins."""
        if channel != "ticker":
            return super().present(channel, updates, now)
        return native.frame("snapshot", self._assets(updates), now.wall)

    def _assets(self, updates: Sequence[Update]) -> str:
        return f'{{"assets":[{",".join([self._asset(update) for update in updates])}]}}'

    def _asset(self, update: Update) -> str:
        text = update.texts.get(NAME)
        if text is None:
            value = update.message
            assert isinstance(value, Ticker)
            name = self._directory.name_of(value.exchange, value.symbol)
            text = update.texts[NAME] = asset(value, name)
        return text


def asset(value: Ticker, name: str) -> str:
    """Return a ticker as an asset of that name."""
    return (
        f'{{"symbol":"{name}","currentPrice":{value.price},'
        f'"priceChange24h":{native.number(value.change_24h)},'
        f'"priceChangePercentage24h":{native.number(value.change_24h_pct)},'
        f'"high24h":{native.number(value.high_24h)},"low24h":{native.number(value.low_24h)},'
        f'"volume24h":{native.number(value.volume_24h)},"lastUpdated":"{iso(value.ts_event)}"}}'
    )

"""One published value on its way to clients.

Its JSON is made when the first client needs it, and once. In come messages of the bus; out go
texts, each made by a codec and kept here under that codec's name, however many are sent it.
"""

from collections.abc import Hashable
from typing import Literal, NamedTuple

from bus.messages import Average, CandleUpdate, FeedStatus, Ticker

Channel = Literal["status", "ticker", "average", "candle", "trade"]
WatchKey = tuple[str, str, str, int]
"""(channel, exchange, symbol, interval_s): what can be watched; "" and 0 where there is none."""


class Derived(NamedTuple):
    """A value that no message is about: it is computed from others."""

    key: WatchKey
    value: Hashable


class Update:
    """A value of a channel.

    Args:
        channel: which.
        message: the value as it came.
        flag: what the web process adds: the ticker is stale, the feed is silent.
        received: when the feed got the trade that is news here, µs UTC; None: no trade is.
    """

    __slots__ = (
        "channel",
        "flag",
        "message",
        "news",
        "received",
        "serial",
        "texts",
        "told",
        "told_at",
    )

    def __init__(
        self,
        channel: Channel,
        message: Ticker | CandleUpdate | Average | FeedStatus | Derived,
        flag: bool = False,
        received: int | None = None,
    ) -> None:
        self.channel = channel
        self.message = message
        self.flag = flag
        self.received = received
        self.texts: dict[str, str] = {}
        self.told = ""
        """A text that says when it was made, for all to whom it goes at that moment."""
        self.told_at = 0
        """That moment, µs UTC."""
        self.serial = 0
        """Its number among all updates of this process; each is the highest so far."""
        self.news = 0
        """That of the first update with this message: lower where only the flag has changed."""

    @property
    def watched(self) -> WatchKey:
        """What a client must watch to be sent this."""
        message = self.message
        if isinstance(message, Derived):
            return message.key
        if isinstance(message, FeedStatus):
            return (self.channel, message.exchange, "", 0)
        interval = message.interval_s if isinstance(message, CandleUpdate) else 0
        return (self.channel, message.exchange, message.symbol, interval)

    @property
    def replaces(self) -> Hashable:
        """Of two updates with equal ``replaces`` only the newer matters."""
        if isinstance(self.message, CandleUpdate):
            return (self.watched, self.message.ts_open)
        if isinstance(self.message, Average):
            return (self.watched, self.message.hour_start)
        return self.watched

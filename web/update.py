"""One published value on its way to clients.

Its JSON is made when the first client needs it, and once. In come messages of the bus; out go
texts, each made by a codec and kept here under that codec's name, however many are sent it.
"""

from collections.abc import Hashable, Iterable
from typing import Literal

from bus.messages import Average, CandleUpdate, FeedStatus, Ticker

Channel = Literal["ticker", "trade", "candle", "average", "status"]
WatchKey = tuple[str, str, str, int]
"""(channel, exchange, symbol, interval_s): what can be watched; "" and 0 where there is none."""


class Update:
    """A value of a channel.

    Args:
        channel: which.
        message: the value as it came.
        flag: what the web process adds: the ticker is stale, the feed is silent.
        received: when the feed got the trade that is news here, µs UTC; None: no trade is.
    """

    __slots__ = ("channel", "flag", "message", "received", "texts")

    def __init__(
        self,
        channel: Channel,
        message: Ticker | CandleUpdate | Average | FeedStatus,
        flag: bool = False,
        received: int | None = None,
    ) -> None:
        self.channel = channel
        self.message = message
        self.flag = flag
        self.received = received
        self.texts: dict[str, str] = {}

    @property
    def watched(self) -> WatchKey:
        """What a client must watch to be sent this."""
        message = self.message
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


class Sent:
    """What one client was sent last, for codecs whose texts say nothing of ``Update.flag``.

    To their clients a price that merely turns stale or fresh is no news. One that waited unsent
    until then is, and is sent.
    """

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages: dict[WatchKey, object] = {}

    def news(self, updates: Iterable[Update]) -> list[Update]:
        """Return the updates whose message was not the last one sent; they count as sent now."""
        found = [one for one in updates if self._messages.get(one.watched) is not one.message]
        self.note(found)
        return found

    def note(self, updates: Iterable[Update]) -> None:
        """Let these updates count as sent."""
        self._messages.update((one.watched, one.message) for one in updates)

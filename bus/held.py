"""The present state of a stream, topic by topic, for whoever subscribes late.

In come messages as they are published; out goes, for a new subscription, what stands under its
topics. An older bucket (last hour's average announced late, a candle that a late trade corrected)
never takes the place of the running one.
"""

from bus.messages import Average, CandleUpdate, Consolidated, FeedStatus, Ticker

State = Ticker | CandleUpdate | Average | Consolidated | FeedStatus
"""What stands under a topic until the next one comes."""


class Held:
    """The last payload of each topic, of the newest bucket there."""

    def __init__(self) -> None:
        self._payloads: dict[bytes, tuple[int, bytes]] = {}

    def put(self, topic: bytes, message: State, payload: bytes) -> None:
        """Take a message that is published under a topic, encoded."""
        bucket = 0
        if isinstance(message, CandleUpdate):
            bucket = message.ts_open
        elif isinstance(message, Average):
            bucket = message.hour_start
        held = self._payloads.get(topic)
        if held is None or bucket >= held[0]:
            self._payloads[topic] = (bucket, payload)

    def under(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Return (topic, payload) of what stands under a subscription's prefix."""
        return [
            (topic, payload)
            for topic, (_, payload) in self._payloads.items()
            if topic.startswith(prefix)
        ]

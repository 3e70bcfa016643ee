"""The actor of a web process: what comes from the bus, into the hub.

In come the aggregator's stream, the feeds' statuses and journal records, and everybody's
heartbeats; out goes nothing but wake-ups of this process's own connections. A message that cannot
be read is counted, and never ends the process.
"""

from collections.abc import Sequence

import msgspec

from bus.actor import Idle, Instant, Send
from bus.heartbeat import Health
from bus.messages import Ticker, decode
from web.broadcaster import Broadcaster
from web.hub import Hub

STREAM_TOPICS = [b"ticker.", b"candle.", b"average.", b"consolidated."]
FEED_TOPICS = [b"batch.", b"status."]
LIFE_TOPICS = [b"heartbeat.", b"programs."]
_BATCH = b"batch."
_JUDGE_EVERY_US = 1_000_000


class Inputs(Idle):
    """Takes all messages of one web process.

    Args:
        hub: where they go.
        broadcaster: sends what the hub has.
        health: this process's own counters.
    """

    def __init__(self, hub: Hub, broadcaster: Broadcaster, health: Health) -> None:
        self._hub = hub
        self._broadcaster = broadcaster
        self._health = health
        self._judge_at = 0

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take one message."""
        counters = self._health.counters
        try:
            topic, payload = frames
            if topic.startswith(_BATCH):
                exchange = topic[len(_BATCH) : -1].decode()
                counters["trades_decoded"] += self._hub.record(exchange, payload, now)
            else:
                message = decode(payload)
                self._hub.message(message, now)
                if isinstance(message, Ticker):
                    self._health.lag_us = max(0, now.wall - message.ts_recv)
            counters["messages"] += 1
        except (ValueError, msgspec.MsgspecError) as error:
            counters["undecodable"] += 1
            self._health.last_error = f"{source}: {str(error)[:200]}"
        return ()

    def on_wake(self, now: Instant) -> Sequence[Send]:
        """Everything that was waiting is in: send it to whom it concerns."""
        self._broadcaster.flush()
        return ()

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Each second: what became stale, who is too slow."""
        if now.mono >= self._judge_at:
            self._judge_at = now.mono + _JUDGE_EVERY_US
            self._hub.tick(now)
            self._broadcaster.flush()
            self._health.counters["ws_too_slow"] += self._broadcaster.judge(now)
            self._health.queue = self._hub.backlog()
            self._health.counters["connections"] = len(self._broadcaster)
            if self._hub.latest.position is not None:
                self._health.positions["aggregator"] = self._hub.latest.position
        return ()

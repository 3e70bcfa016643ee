"""The tap's actor: the bus in, the public stream out, as maps, trades split by symbol.

No trade is decoded that nobody subscribes to. What stands under any other topic goes to whoever
subscribes to it, at once; as everybody hears that who has the topic, it is repeated no more often
than every ``REPEAT_US``, however often somebody asks.
"""

from collections.abc import Sequence

from bus import topics
from bus.actor import Idle, Instant, Reader, Send
from bus.heartbeat import Health
from bus.held import Held, State
from bus.messages import Trade, TradeBatch, decode
from bus.tap_format import encode_map, encode_trades
from procs.tap.guests import SUBSCRIBE, UNSUBSCRIBE

REPEAT_US = 200_000
TRADES = b"trade."


class Tap(Idle):
    """Everything public, for whoever subscribes."""

    def __init__(self, health: Health) -> None:
        self.doors: list[Reader] = []
        """What reads for it where strangers write."""
        self._health = health
        self._held = Held()
        self._want_trades = 0
        self._repeated: dict[bytes, int] = {}
        self._due: dict[bytes, None] = {}

    def readers(self) -> Sequence[Reader]:
        """Return its doors."""
        return self.doors

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take a message of the bus."""
        topic, payload = frames
        if topic.startswith(b"batch."):
            return self._batch(payload) if self._want_trades else ()
        message = decode(payload)
        if not isinstance(message, State):
            return ()
        encoded = encode_map(message)
        self._held.put(topic, message, encoded)
        self._health.counters["messages"] += 1
        return (Send("tap", topic, encoded),)

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Repeat what was asked for too soon."""
        waiting, self._due = self._due, {}
        return [send for topic in waiting for send in self._repeat(topic, now)]

    def on_subscription(self, frame: bytes, now: Instant) -> Sequence[Send]:
        r"""Take the beginning (``\x01`` and a topic) or the end (``\x00``) of a subscription.

        Each comes once for each connection and topic.
        """
        kind, prefix = frame[:1], frame[1:]
        about_trades = prefix.startswith(TRADES) or TRADES.startswith(prefix)
        if kind == SUBSCRIBE:
            self._want_trades += about_trades
            self._health.counters["subscriptions"] += 1
            return self._repeat(prefix, now)
        if kind == UNSUBSCRIBE:
            self._want_trades -= about_trades
        return ()

    def _repeat(self, prefix: bytes, now: Instant) -> list[Send]:
        """Return what stands under a prefix; what was just repeated is due later."""
        sends = []
        for topic, payload in self._held.under(prefix):
            last = self._repeated.get(topic)
            if last is not None and now.mono - last < REPEAT_US:
                self._due[topic] = None
            else:
                self._repeated[topic] = now.mono
                sends.append(Send("tap", topic, payload))
        return sends

    def _batch(self, payload: bytes) -> Sequence[Send]:
        batch = decode(payload)
        if not isinstance(batch, TradeBatch):
            return ()
        by_symbol: dict[str, list[Trade]] = {}
        for trade in batch.trades:
            by_symbol.setdefault(trade.symbol, []).append(trade)
        self._health.counters["trades"] += len(batch.trades)
        self._health.counters["messages"] += len(by_symbol)
        return [
            Send(
                "tap",
                topics.trade(batch.exchange, symbol),
                encode_trades(
                    batch.exchange,
                    symbol,
                    batch.epoch,
                    batch.seq,
                    batch.prev_seq.get(symbol),
                    trades,
                ),
            )
            for symbol, trades in by_symbol.items()
        ]

"""The tap's actor: the bus in, the public stream out, as maps, trades split by symbol.

Nothing is decoded that nobody subscribes to. What stands under each ticker, candle, average and
status topic goes first to whoever subscribes to it.
"""

from collections import Counter
from collections.abc import Sequence

from bus import topics
from bus.actor import Idle, Instant, Send
from bus.heartbeat import Health
from bus.held import Held
from bus.messages import Average, CandleUpdate, FeedStatus, Ticker, Trade, TradeBatch, decode
from bus.tap import encode_map, encode_trades


class Tap(Idle):
    """Everything public, for whoever subscribes."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._wanted: Counter[bytes] = Counter()
        self._held = Held()

    def on_message(self, source: str, frames: list[bytes], now: Instant) -> Sequence[Send]:
        """Take a subscription, or a message of the bus."""
        if source == "tap":
            return self._subscription(frames[0])
        topic, payload = frames
        if topic.startswith(b"batch."):
            return self._batch(payload) if self._wants_trades() else ()
        message = decode(payload)
        if not isinstance(message, Ticker | CandleUpdate | Average | FeedStatus):
            return ()
        encoded = encode_map(message)
        self._held.put(topic, message, encoded)
        self._health.counters["messages"] += 1
        return (Send("tap", topic, encoded),)

    def _wants_trades(self) -> bool:
        return any(
            prefix.startswith(b"trade.") or b"trade.".startswith(prefix) for prefix in self._wanted
        )

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

    def _subscription(self, frame: bytes) -> Sequence[Send]:
        kind, prefix = frame[:1], frame[1:]
        if kind == b"\x01":
            self._wanted[prefix] += 1
            self._health.counters["subscriptions"] += 1
            return [Send("tap", *held) for held in self._held.under(prefix)]
        if kind == b"\x00":
            self._wanted[prefix] -= 1
            self._wanted += Counter()  # drops what has come to nothing
        return ()

"""Who is sent what: the clients' wishes, what changed, and what waits for whom.

In come decoded messages and raw journal records; out go texts, taken by each client's writer when
its socket has room. Conflated channels wait as values, newest wins; ``trade`` waits as a queue of
texts, bounded, in order. Pure: time is an argument, nothing is sent from here, nothing blocks.
"""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from bus.actor import Instant
from bus.messages import (
    Average,
    CandleUpdate,
    Consolidated,
    FeedStatus,
    Heartbeat,
    Message,
    ProgramTable,
    Ticker,
    TradeBatch,
    decode_record,
)
from market.coalesce import Coalescer
from web.latest import Latest
from web.ring import Ring
from web.update import Channel, Update, WatchKey

RATE_US = 100_000
BACKLOG_MAX = 50_000
"""Texts that may wait for one client; the writer closes a connection that has passed it."""
TAKE_MAX = 256
"""Texts that are taken at once."""


class Codec(Protocol):
    """How one client's updates become texts."""

    def updates(self, updates: list[Update], now: Instant) -> list[str]:
        """Return the texts of updates of one channel, in order."""

    def trade(self, batch: TradeBatch, index: int, now: Instant) -> str:
        """Return the text of one trade."""


class Lane:
    """What waits for one client on one channel."""

    def __init__(self, rate_us: int) -> None:
        self.gate: Coalescer[str, dict[object, Update]] = Coalescer(rate_us)
        self._waiting: dict[object, Update] = {}

    def offer(self, update: Update) -> None:
        """Take an update, in place of an older value of the same thing."""
        self._waiting[update.replaces] = update
        self.gate.offer("updates", self._waiting)

    def due(self, now: int) -> list[Update]:
        """Return and forget the updates, if they may go at ``now``."""
        if not self.gate.due(now):
            return []
        ready, self._waiting = list(self._waiting.values()), {}
        return ready

    def forget(self, watched: set[WatchKey]) -> None:
        """Forget updates of what is no longer watched."""
        for key in [k for k, update in self._waiting.items() if update.watched in watched]:
            del self._waiting[key]


class Client:
    """One connection as the hub knows it."""

    __slots__ = ("codec", "lanes", "overflowed", "queue", "received", "watches")

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.watches: set[WatchKey] = set()
        self.lanes: dict[Channel, Lane] = {}
        self.queue: deque[str] = deque()
        self.overflowed = False
        self.received: int | None = None
        """When the feed got the trade of the first ticker of the last take, if it was news."""

    def put(self, text: str) -> None:
        """Let a text wait, in order, to be sent before any update."""
        if len(self.queue) >= BACKLOG_MAX:
            self.overflowed = True
        else:
            self.queue.append(text)


class Hub:
    """All clients of one web process.

    Args:
        stale_after_s: see ``Latest``.
    """

    def __init__(self, stale_after_s: int) -> None:
        self.latest = Latest(stale_after_s)
        self.clients: set[Client] = set()
        self.rings: dict[str, Ring] = {}
        self._watchers: dict[WatchKey, set[Client]] = {}
        self._trade_watches: dict[str, int] = {}
        self._changed: set[Client] = set()

    def join(self, codec: Codec) -> Client:
        """Add a connection, which watches nothing yet."""
        client = Client(codec)
        self.clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Remove a connection."""
        self.unwatch(client, set(client.watches))
        self.clients.discard(client)
        self._changed.discard(client)

    def watch(self, client: Client, keys: Iterable[WatchKey], rate_us: int = RATE_US) -> None:
        """Send the client every change of ``keys`` from now on.

        Conflated ones go at most every ``rate_us``. The rate is that of the client's whole channel:
        the last one given counts.
        """
        for key in keys:
            channel = key[0]
            if channel != "trade":
                lane = client.lanes.setdefault(channel, Lane(rate_us))  # type: ignore[arg-type]
                lane.gate.rate_us = rate_us
            if key in client.watches:
                continue
            client.watches.add(key)
            self._watchers.setdefault(key, set()).add(client)
            if channel == "trade":
                self._trade_watches[key[1]] = self._trade_watches.get(key[1], 0) + 1

    def unwatch(self, client: Client, keys: set[WatchKey]) -> None:
        """Stop sending changes of ``keys``; what already waits is forgotten, trades aside."""
        for key in keys & client.watches:
            client.watches.discard(key)
            watchers = self._watchers[key]
            watchers.discard(client)
            if not watchers:
                del self._watchers[key]
            if key[0] == "trade":
                self._trade_watches[key[1]] -= 1
        for lane in client.lanes.values():
            lane.forget(keys)

    def present(self, keys: Iterable[WatchKey]) -> list[Update]:
        """Return the present values of what can be watched."""
        out: list[Update | None] = []
        for channel, exchange, symbol, interval_s in keys:
            if channel == "ticker":
                out.append(self.latest.tickers.get((exchange, symbol)))
            elif channel == "average":
                hours = self.latest.averages.get((exchange, symbol))
                out.append(hours[max(hours)] if hours else None)
            elif channel == "candle":
                candles = self.latest.candles.get((exchange, symbol, interval_s))
                out.append(candles[max(candles)] if candles else None)
            elif channel == "status":
                out.append(self.latest.feeds.get(exchange))
        return [update for update in out if update is not None]

    def message(self, message: Message, now: Instant) -> None:
        """Take a message of the bus."""
        update: Update | None = None
        if isinstance(message, Ticker):
            update = self.latest.ticker(message, now)
        elif isinstance(message, CandleUpdate):
            update = self.latest.candle(message)
        elif isinstance(message, Average):
            update = self.latest.average(message)
        elif isinstance(message, Consolidated):
            self.latest.price(message)
        elif isinstance(message, FeedStatus):
            update = self.latest.feed(message, now)
        elif isinstance(message, Heartbeat):
            self.latest.heartbeat(message, now)
        elif isinstance(message, ProgramTable):
            self.latest.programs = message
        if update is not None:
            self._offer(update)

    def record(self, exchange: str, payload: bytes, now: Instant) -> int:
        """Take a journal record of an exchange as it came; return how many trades were decoded.

        It is decoded only while somebody watches trades of that exchange.
        """
        self.ring(exchange).add(payload)
        if not self._trade_watches.get(exchange):
            return 0
        record = decode_record(payload)
        if not isinstance(record, TradeBatch):
            return 0
        self._trades(record, now)
        return len(record.trades)

    def ring(self, exchange: str) -> Ring:
        """Return the records kept of an exchange."""
        ring = self.rings.get(exchange)
        if ring is None:
            ring = self.rings[exchange] = Ring()
        return ring

    def tick(self, now: Instant) -> None:
        """Let everybody know what became stale or silent."""
        for update in self.latest.turned(now):
            self._offer(update)

    def changed(self) -> list[Client]:
        """Return the clients for whom something has come since the last call."""
        out = list(self._changed)
        self._changed.clear()
        return out

    def take(self, client: Client, now: Instant) -> list[str]:
        """Return and forget texts for a client that may go now, replies and trades first.

        Updates come only once the queue is empty, so that none overtakes the reply that it follows.
        """
        client.received = None
        queue = client.queue
        texts = [queue.popleft() for _ in range(min(len(queue), TAKE_MAX))]
        if not queue:
            for lane in client.lanes.values():
                due = lane.due(now.mono)
                if due:
                    texts += client.codec.updates(due, now)
                    client.received = client.received or due[0].received
        return texts

    def next_due(self, client: Client) -> int | None:
        """Return when the next text may go, µs of the forward clock; None when nothing waits."""
        if client.queue:
            return 0
        due = [lane.gate.next_due() for lane in client.lanes.values()]
        return min((each for each in due if each is not None), default=None)

    def _offer(self, update: Update) -> None:
        for client in self._watchers.get(update.watched, ()):
            client.lanes[update.channel].offer(update)
            self._changed.add(client)

    def _trades(self, batch: TradeBatch, now: Instant) -> None:
        for index, trade in enumerate(batch.trades):
            watchers = self._watchers.get(("trade", batch.exchange, trade.symbol, 0))
            if not watchers:
                continue
            texts: dict[type[Codec], str] = {}
            for client in watchers:
                kind = type(client.codec)
                text = texts.get(kind)
                if text is None:
                    text = texts[kind] = client.codec.trade(batch, index, now)
                client.put(text)
                self._changed.add(client)

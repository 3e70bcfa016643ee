"""Who is sent what: the clients' wishes, what changed, and when it may go.

In come decoded messages and raw journal records; out go bytes into the clients' outlets, made once
for all clients of one cohort. Conflated channels hold values, newest wins; ``trade`` is a queue,
bounded, in order. Pure: time is an argument, nothing blocks, and what becomes of the bytes in an
outlet is not known here.
"""

from collections import deque
from collections.abc import Iterable
from typing import cast

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
from web.cohort import (
    Client,
    Codec,
    Cohort,
    Outlet,
    Traffic,
    Wishes,
    wishes_of,
)
from web.latest import Latest
from web.ring import Ring
from web.turns import GRAIN_US, Turns
from web.update import Channel, Update, WatchKey
from web.watching import Compute, Watching

RATE_US = 100_000
WRITES_A_TURN = 500
"""Clients that are written to, about 10 µs each, before others have their turn."""
PACKED_COHORTS = 100
"""Changes go uncompressed to a cohort of less than one client in so many: so whatever each of
thousands watches, those of not more than so many cohorts are compressed."""
KEEP_TICKS = 300
"""For so many ticks, a second apart, changes are kept for those who are behind."""


class Hub:
    """All clients of one web process.

    Args:
        stale_after_s: see ``Latest``.
    """

    def __init__(self, stale_after_s: int) -> None:
        self.latest = Latest(stale_after_s)
        self.clients: set[Client] = set()
        self.rings: dict[str, Ring] = {}
        self.positions: dict[str, tuple[int, int]] = {}
        """(epoch, seq) of the newest record of each exchange whose trades somebody watches."""
        self._serial = 0
        self._floors: deque[int] = deque([0], KEEP_TICKS)
        self._watching = Watching()
        self._ready: dict[Client, None] = {}
        """Clients for whom frames wait that are their own."""
        self.turns = Turns()
        self._blocked: dict[Client, None] = {}
        """Clients whose outlet has no room, and that have not been given up."""
        self._wrote: dict[Traffic, tuple[int, int | None]] = {}
        """What a flush has sent so far, and when the first news in it was received."""

    # ---- clients

    def join(self, codec: Codec, outlet: Outlet, traffic: Traffic) -> Client:
        """Add a connection, which watches nothing yet."""
        client = Client(codec, outlet, traffic, self._ready)
        outlet.owner = client
        traffic.opened()
        self.clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Remove a connection."""
        self._move(client, ())
        self.clients.discard(client)
        client.traffic.closed()
        self._ready.pop(client, None)
        self._blocked.pop(client, None)

    def watch(
        self, client: Client, keys: Iterable[WatchKey], now: Instant, rate_us: int = RATE_US
    ) -> None:
        """Send the client every change of ``keys`` from now on.

        Conflated ones go at most every ``rate_us``. The rate is that of the client's whole channel:
        the last one given counts. What already waits for the client on the channel goes at once.
        """
        rate_us = -(-rate_us // GRAIN_US) * GRAIN_US  # so that there are not too many queues
        wanted: dict[Channel, tuple[int, set[WatchKey]]] = {}
        for key in keys:
            channel = cast(Channel, key[0])
            wanted.setdefault(channel, (0 if channel == "trade" else rate_us, set()))[1].add(key)
        if client.cohort is not None:
            if "trade" in wanted:  # what is told of trades next has those that wait
                client.cohort.hand_over()
            client.cohort.hurry(client, set(wanted), self._serial, now)
            for channel, rate, held in client.cohort.wishes:
                if channel in wanted:
                    wanted[channel][1].update(held)
                else:
                    wanted[channel] = (rate, set(held))
        for exchange in {key[1] for key in wanted.get("trade", (0, ()))[1]}:
            if not self._watching.trades(exchange):
                self._look_up(exchange)
        self._move(client, wishes_of(wanted))

    def _look_up(self, exchange: str) -> None:
        """Find out where an exchange is whose records nobody has looked at until now."""
        position = self.ring(exchange).position()
        if position is None:
            self.positions.pop(exchange, None)
        else:
            self.positions[exchange] = position

    def derive(self, key: WatchKey, compute: Compute, now: Instant) -> Update:
        """Make a value that is computed from others one to be watched; return its present update.

        It must be watched next: what nobody watches any more is forgotten.
        """
        topic = self._watching.derive(key, compute)
        if topic.newest is None:
            self._change(Update("status", compute(now)))
        assert topic.newest is not None
        return topic.newest

    def unwatch(self, client: Client, keys: set[WatchKey]) -> None:
        """Stop sending changes of ``keys``; what already waits is forgotten, trades aside."""
        if client.cohort is not None:
            wishes = client.cohort.wishes
            self._move(client, wishes_of({name: (r, held - keys) for name, r, held in wishes}))

    def _move(self, client: Client, wishes: Wishes) -> None:
        """Give a client other wishes."""
        before = client.cohort
        if before is not None and before.wishes == wishes:
            return
        seen: dict[Channel, int] = {}
        if before is not None:
            if before.trades:
                client.put_frames(b"".join(before.trades))
            seen = before.leave(client)
        if wishes:
            cohort = self._watching.cohort(client, wishes, self._serial)
            held = {lane.channel: seen.get(lane.channel, self._serial) for lane in cohort.lanes}
            cohort.enter(client, held)
            self._ready[client] = None
        if before is not None and not before:  # last: what both watch must not be forgotten
            self._watching.end(before)

    # ---- what comes in

    def message(self, message: Message, now: Instant) -> None:
        """Take a message of the bus."""
        update: Update | None = None
        turned = False
        if isinstance(message, Ticker):
            held = self.latest.tickers.get((message.exchange, message.symbol))
            update = self.latest.ticker(message, now)
            turned = update is not None and held is not None and update.flag != held.flag
        elif isinstance(message, CandleUpdate):
            update = self.latest.candle(message)
        elif isinstance(message, Average):
            update = self.latest.average(message)
        elif isinstance(message, Consolidated):
            self.latest.price(message)
        elif isinstance(message, FeedStatus):
            update = self.latest.feed(message, now)
            turned = True
        elif isinstance(message, Heartbeat):
            self.latest.heartbeat(message, now)
        elif isinstance(message, ProgramTable):
            self.latest.programs = message
        if update is not None:
            self._change(update)
        if turned:
            self._derive(now)

    def record(self, exchange: str, payload: bytes, now: Instant) -> int:
        """Take a journal record of an exchange as it came; return how many trades were decoded.

        It is decoded only while somebody watches trades of that exchange.
        """
        self.ring(exchange).add(payload)
        if not self._watching.trades(exchange):
            return 0
        record = decode_record(payload)
        if record.seq is not None:
            self.positions[exchange] = (record.epoch, record.seq)
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
        """Each second: let everybody know what became stale or silent."""
        self._floors.append(self._serial)
        for update in self.latest.turned(now):
            self._change(update)
        self._derive(now)

    def _derive(self, now: Instant) -> None:
        """Take the values that are computed from others, where they have changed."""
        for compute in self._watching.derived.values():
            value = compute(now)
            topic = self._watching.topics.get(value.key)
            if topic is not None and topic.newest is not None and topic.newest.message != value:
                self._change(Update("status", value))

    def _change(self, update: Update) -> None:
        self._serial += 1
        update.serial = self._serial
        update.news = update.news or self._serial
        topic = self._watching.topics.get(update.watched)
        if topic is None:
            return
        topic.take(update, self._floors[0])
        if topic.idle:
            for lane in topic.idle:
                if lane.idle:
                    lane.idle = False
                    self.turns.wake(lane)
            topic.idle.clear()

    def _trades(self, batch: TradeBatch, now: Instant) -> None:
        watchers = self._watching.trades(batch.exchange)
        for index, trade in enumerate(batch.trades):
            frames: dict[object, bytes] = {}
            for cohort in watchers.get(trade.symbol, ()):
                kind = cohort.codec.kind
                frame = frames.get(kind)
                if frame is None:
                    frame = frames[kind] = cohort.codec.trade(batch, index, now)
                cohort.put_trade(frame)
                if not cohort.queued:
                    self.turns.add(cohort)

    # ---- what goes out

    def flush(self, now: Instant) -> None:
        """Send what may go now: each client's own frames first, then trades, then updates.

        It ends once it has written to some hundreds of clients, so that others have their turn and
        what goes to the next ones is of that moment; ``next_due`` is then now. Those come first
        that have waited longest.
        """
        for client in list(self._ready):
            self._serve(client, now)
        written = 0
        for cohort in self.turns.take(now):
            written += self._send(cohort, now)
            if written >= WRITES_A_TURN:
                break
        for traffic, (texts, received) in self._wrote.items():
            traffic.wrote(texts, received)
        self._wrote.clear()

    def next_due(self) -> int | None:
        """Return when the next updates may go, µs of the forward clock; None when nothing waits."""
        return 0 if self._ready else self.turns.next_due()

    def drained(self, client: Client, now: Instant) -> None:
        """The outlet of a client has room again: send what the client lacks."""
        client.blocked_since = None
        self._blocked.pop(client, None)
        self._serve(client, now)

    def given_up(self, now: Instant, longer_than_us: int) -> list[Client]:
        """Return the clients that have taken nothing for so long, or for whom too much waits.

        Each is returned once: it is to be closed.
        """
        since = now.mono - longer_than_us
        found = [
            client
            for client in self._blocked
            if client.overflowed or (client.blocked_since or now.mono) <= since
        ]
        for client in found:
            del self._blocked[client]
        return found

    def backlog(self) -> int:
        """Return the most bytes of trades and answers that wait for one client."""
        return max((client.backlog for client in self._blocked), default=0)

    def _send(self, cohort: Cohort, now: Instant) -> int:
        """Send a cohort its trades and what is due of its lanes; return to how many clients."""
        size = len(cohort)
        if not size:
            return 0  # it has ended meanwhile
        packed = size * PACKED_COHORTS >= len(self.clients)
        codec = cohort.codec if packed else cohort.codec.plain
        frames: list[bytes] = []
        trades = b""
        if cohort.trades:
            frames = cohort.take_trades()
            trades = b"".join(frames)
            if cohort.trades:
                self.turns.add(cohort)  # the rest goes once all others have had their turn
        received: int | None = None
        before: list[tuple[Channel, int]] = []
        for lane in cohort.lanes:
            if not lane.ready:
                continue
            lane.ready = False
            before.append((lane.channel, lane.seen))
            updates = lane.since(lane.seen)
            lane.seen = self._serial
            if updates:
                frames += codec.updates(updates, now)
                received = received or updates[0].received
                self.turns.wait(lane, now)
            else:
                lane.rest()
        late = list(cohort.late)
        if frames and cohort.members:
            count = len(cohort.members)
            behind = cohort.audience.broadcast(b"".join(frames))
            self._count(cohort.traffic, len(frames) * (count - len(behind)), received)
            for outlet in behind:
                cohort.fall_behind(outlet.owner, cohort.seen() | dict(before))
                self.filled(outlet.owner, now)
                late.append(outlet.owner)
        for client in late:
            if trades:
                client.put_frames(trades)
            self._serve(client, now)
        return size

    def _count(self, traffic: Traffic, texts: int, received: int | None) -> None:
        before = self._wrote.get(traffic)
        if before is None:
            self._wrote[traffic] = (texts, received)
        else:
            self._wrote[traffic] = (before[0] + texts, before[1] or received)

    def _serve(self, client: Client, now: Instant) -> None:
        """Send a client what is its own, then what it lacks, as far as its outlet takes it."""
        self._ready.pop(client, None)
        if client.blocked_since is not None:
            return  # until its outlet has room
        cohort = client.cohort
        if client.overflowed or not client.write_queue():
            if cohort is not None and client.seen is None:
                cohort.fall_behind(client, cohort.seen())
            self.filled(client, now)
        elif cohort is not None and client.seen is not None:
            if cohort.write_lacking(client, self._serial, now):
                cohort.catch_up(client)
            else:
                self.filled(client, now)

    def filled(self, client: Client, now: Instant) -> None:
        """The outlet of a client has no room: what it was given still waits in it."""
        if client.blocked_since is None:
            client.blocked_since = now.mono
            self._blocked[client] = None

"""The whole pipeline in one process: feeds, persister and aggregator between a market and Postgres.

Real actors, real journals, a real Postgres; only the bus is a fake one. At random moments an actor
is thrown away with all that it had in memory, and a new one begins from what rests on disk.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from bus import topics
from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.log import Log
from bus.messages import GapsWanted, Recovered, Trade, decode, encode
from market.sequence import IdSet
from procs.feed import exchanges
from procs.feed.feed import Feed
from tests.procs.living import Aggregating, Clock, Persisting
from tests.sim.fake_bus import FakeBus
from tests.sim.market import FEEDS, START, Execution

CRASH = 0.02
"""How likely each actor is thrown away in each step."""
LOST = 0.05
"""How many trades the exchange's stream never brings: only its REST interface has them."""
PAGE = 20
"""Trades of one REST answer."""
KEEP_US = 600_000_000


class Crash(Exception):
    """An actor dies here."""


class LivingFeed:
    """The feed of one exchange, through all its lives."""

    def __init__(self, folder: Path, exchange: str) -> None:
        self.exchange = exchange
        self._folder = folder
        self.begin()

    def begin(self) -> None:
        """Begin a life from the journal."""
        self.health = Health(f"feed-{self.exchange}")
        self.journal = JournalWriter(
            path_of(self._folder, self.exchange), cap_bytes=1 << 30, reserve_bytes=1 << 20
        )
        self.feed = Feed(
            exchanges.load(self.exchange)(FEEDS[self.exchange]),
            FEEDS[self.exchange],
            self.journal,
            self.health,
            Log(f"feed-{self.exchange}"),
            stale_after_us=15_000_000,
            keep_us=KEEP_US,
            keep_bad_frames=lambda lines: None,
        )

    def die(self) -> None:
        """Forget everything but the file."""
        self.journal.close()


class World:
    """All of it. ``crash`` is called inside the persister's transactions and may raise Crash."""

    def __init__(self, seed: int, folder: Path, dsn: str) -> None:
        self.chance = Random(seed * 7919)
        self.bus = FakeBus(self.chance)
        self.clock = Clock()
        self.clock.now = Instant(START, 1_000_000)
        self.crashes: dict[str, int] = {"feed": 0, "persister": 0, "aggregator": 0}
        self.quarantined: list[tuple[str, str, int]] = []
        self.calm = False
        self._folder = folder
        self._dsn = dsn
        self.feeds = {name: LivingFeed(folder, name) for name in FEEDS}
        self.lost = 0
        self._sent: dict[str, list[bytes]] = {name: [] for name in FEEDS}
        self._executed: dict[str, list[Trade]] = {name: [] for name in FEEDS}
        self.persister = self._new_persister()
        self.aggregator = self._new_aggregator()

    def _new_persister(self) -> Persisting:
        return Persisting(self._folder, self._dsn, self.clock)

    def _new_aggregator(self) -> Aggregating:
        return Aggregating(self._folder, self._dsn, self.clock)

    def crash(self) -> None:
        """Die here, now and then."""
        if not self.calm and self.chance.random() < CRASH:
            raise Crash

    def step(self, coming: Iterable[Execution]) -> None:
        """Let the market execute trades, and everybody live for a moment."""
        for execution in coming:
            if execution.trade.ts_event > self.clock.now.wall:
                self.clock.pass_time(execution.trade.ts_event - self.clock.now.wall)
            self._sent[execution.exchange].append(execution.frame)
            self._executed[execution.exchange].append(execution.trade)
            self._exchange_says(execution)
        self.clock.pass_time(200_000)
        for one in self.feeds.values():
            self._live_feed(one)
        for consumer, source, frames in self.bus.deliver():
            self._arrive(consumer, source, frames)
        self._guarded("persister", self._live_persister)
        self._guarded("aggregator", self._live_aggregator)

    def _exchange_says(self, execution: Execution) -> None:
        feed = self.feeds[execution.exchange].feed
        frames = [execution.frame]
        luck = self.chance.random()
        if luck < 0.05:
            frames = [execution.frame, execution.frame]
        elif luck < 0.1:
            frames = [execution.frame, *self.chance.sample(self._sent[execution.exchange], 1)]
        elif luck < 0.13:
            frames = [execution.frame[:-9], execution.frame]
        elif luck < 0.15 and not self.calm:
            # One trade more, which nobody should believe.
            number = 1_000_000 + len(self.quarantined)
            trade_id = b":%d," % execution.trade.trade_id
            bad = execution.frame.replace(trade_id, b":%d," % number)
            price = b'"%s"' % execution.trade.price.encode()
            frames = [bad.replace(price, b'"NaN"'), execution.frame]
            self._sent[execution.exchange].insert(-1, frames[0])
            self.quarantined.append((execution.exchange, execution.trade.symbol, number))
        elif luck < 0.15 + LOST and not self.calm:
            self.lost += 1
            frames = []
        for frame in frames:
            feed.on_frame(frame, self.clock.now)

    def _live_feed(self, one: LivingFeed) -> None:
        moment = self.chance.random() / CRASH if not self.calm else 9.0
        if moment < 0.5:  # before the commit: what it had read is gone
            self._restart_feed(one)
            return
        sends = [*one.feed.on_wake(self.clock.now), *one.feed.on_tick(self.clock.now)]
        if moment < 1.0:  # after the commit: nobody was told
            self._restart_feed(one)
            return
        self._send(sends)
        if self.chance.random() < 0.3 or self.calm:
            beat = encode(one.health.beat(self.clock.now.wall))
            for consumer in ("persister", "aggregator"):
                self.bus.give(consumer, "heartbeats", [topics.heartbeat(one.health.program), beat])

    def _restart_feed(self, one: LivingFeed) -> None:
        self.crashes["feed"] += 1
        one.die()
        one.begin()

    def _send(self, sends: Iterable[Send]) -> None:
        for send in sends:
            if send.output == "persister":
                self.bus.give("persister", "batches", [send.payload])
            elif send.output == "backfiller":
                self._fetch(send.payload)
            elif send.topic.startswith(b"batch."):
                self.bus.give("aggregator", "batches", [send.topic, send.payload])
            elif send.topic.startswith(b"corrected."):
                self.bus.give("aggregator", "corrected", [send.topic, send.payload])
            elif send.topic.startswith((b"stored.", b"ids.")):
                for name in self.feeds:
                    self.bus.give(f"feed-{name}", "stored", [send.topic, send.payload])

    def _fetch(self, payload: bytes) -> None:
        """Answer as the backfiller does: a page at a time, now and then nothing at all."""
        message = decode(payload)
        assert isinstance(message, GapsWanted)
        for wanted in message.wanted:
            if not self.calm and self.chance.random() < 0.3:
                continue
            found = [
                trade
                for trade in self._executed[message.exchange]
                if trade.symbol == wanted.symbol
                and wanted.first_id <= trade.trade_id <= wanted.last_id
            ]
            absent = IdSet([(wanted.first_id, wanted.last_id)])
            for trade in found:
                absent.remove_range(trade.trade_id, trade.trade_id)
            for at in range(0, len(found) or 1, PAGE):
                page = found[at : at + PAGE]
                last = at + PAGE >= len(found)
                answer = Recovered(
                    *(message.exchange, wanted.symbol, wanted.series, page, []),
                    absent.intervals() if last else [],
                )
                self.bus.give(f"feed-{message.exchange}", "recovered", [encode(answer)])

    def _arrive(self, consumer: str, source: str, frames: list[bytes]) -> None:
        if consumer == "persister":
            self.persister.actor.on_message(source, frames, self.clock.now)
        elif consumer == "aggregator":
            sends = self.aggregator.actor.on_message(source, frames, self.clock.now)
            self.aggregator.note(sends)
        else:
            feed = self.feeds[consumer.removeprefix("feed-")].feed
            self._send(feed.on_message(source, frames, self.clock.now))

    def _guarded(self, name: str, live: Callable[[], None]) -> None:
        try:
            self.crash()
            live()
        except Crash:
            self.crashes[name] += 1
            self.bus.forget(name)
            if name == "persister":
                self.persister.die()
                self.persister = self._new_persister()
            else:
                self.aggregator = self._new_aggregator()

    def _live_persister(self) -> None:
        sends = self.persister.live(micros=100_000)
        self.crash()  # committed, and nobody was told
        self._send(sends)

    def _live_aggregator(self) -> None:
        if not self.aggregator.loadings[-1].done.wait(20):
            raise TimeoutError("the snapshot was not read")
        self.aggregator.live()

    def come_to_rest(self, coming: Iterable[Execution]) -> None:
        """Heal everything, let the last trades come, and live on until all is done."""
        self.calm = self.bus.healed = True
        self.step(coming)
        for _ in range(40):
            self.clock.pass_time(1_000_000)
            self.step([])

    def close(self) -> None:
        """End everything."""
        self.persister.die()
        for one in self.feeds.values():
            one.die()

"""The whole pipeline in one process: feeds, persister and aggregator between a market and Postgres.

Real actors, real journals, a real Postgres; only the bus is a fake one. At random moments an actor
is thrown away with all that it had in memory, and a new one begins from what rests on disk; clocks
are set, disks are full, the database is away or takes nothing (``trouble``). The exchange's stream
loses, doubles and disorders trades, and its REST interface does not always answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from bus import topics
from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.journal import path_of
from bus.log import Log
from bus.messages import GapsWanted, Recovered, Trade, decode, encode
from market.sequence import IdSet
from procs.feed import exchanges
from procs.feed.feed import Feed
from tests.eventually import eventually
from tests.procs.living import Aggregating, Persisting
from tests.sim.fake_bus import FakeBus
from tests.sim.market import FEEDS, START, Execution
from tests.sim.trouble import Connected, Database, Disk, SteppedClock, Trouble

CRASH = 0.02
"""How likely each actor is thrown away in each step."""
LOST = 0.17
"""How many trades the exchange's stream never brings: only its REST interface has them."""
DOUBLED, REPEATED, CUT_SHORT, SPOILT = 0.05, 0.05, 0.03, 0.02
LATE, LATE_MAX = 0.15, 1_000
"""How many come late, and after how many later ones at most."""
NEVER = 1_000_000
"""From here on ids are those of trades that never happened."""
UNANSWERED = 0.3
"""How many of the backfiller's questions are not answered."""
PAGE = 20
"""Trades of one REST answer."""
KEEP_US = 600_000_000


class Crash(Exception):
    """An actor dies here."""


class LivingFeed:
    """The feed of one exchange, through all its lives."""

    def __init__(self, folder: Path, exchange: str) -> None:
        self.exchange = exchange
        self.not_stored = 0
        self._folder = folder
        self.full = False
        self.begin()

    def begin(self) -> None:
        """Begin a life from the journal."""
        self.health = Health(f"feed-{self.exchange}")
        self.journal = Disk(path_of(self._folder, self.exchange))
        self.journal.full = self.full
        exchange = exchanges.load(self.exchange)(FEEDS[self.exchange])
        assert isinstance(exchange, exchanges.Streamed)
        self.feed = Feed(
            exchange,
            FEEDS[self.exchange],
            self.journal,
            self.health,
            Log(f"feed-{self.exchange}"),
            stale_after_us=15_000_000,
            keep_us=KEEP_US,
            keep_bad_frames=lambda lines: None,
        )
        self.feed.connection = Connected(exchange)

    def fill(self, *, full: bool) -> None:
        """Let its disk take nothing, or everything again."""
        self.full = self.journal.full = full

    def die(self) -> None:
        """Forget everything but the file."""
        self.not_stored += int(self.health.counters["not_stored"])
        self.journal.close()


class World:
    """All of it. ``crash`` is called inside the persister's transactions and may raise Crash."""

    def __init__(self, seed: int, folder: Path, dsn: str) -> None:
        self.chance = Random(seed * 7919)
        self.bus = FakeBus(self.chance)
        self.clock = SteppedClock(Instant(START, 1_000_000))
        self.crashes: dict[str, int] = {"feed": 0, "persister": 0, "aggregator": 0}
        self.quarantined: list[tuple[str, str, int]] = []
        self.calm = False
        self._folder = folder
        self._dsn = dsn
        self.feeds = {name: LivingFeed(folder, name) for name in FEEDS}
        self.lost = 0
        self._late: list[tuple[int, str, bytes]] = []
        self._coming = 0
        self.trouble = Trouble(self.chance, self.clock, self.feeds, Database(dsn))
        self._sent: dict[str, list[bytes]] = {name: [] for name in FEEDS}
        self._executed: dict[str, list[Trade]] = {name: [] for name in FEEDS}
        self.persister = self._new_persister()
        self.aggregator = self._new_aggregator()
        self._counted: Counter[str] = Counter()
        """By the aggregators that have died."""

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
            self.clock.pass_time(max(0, execution.trade.ts_event - self.clock.true))
            self._sent[execution.exchange].append(execution.frame)
            self._executed[execution.exchange].append(execution.trade)
            self._exchange_says(execution)
        self._late_arrive()
        self.clock.pass_time(200_000)
        self.trouble.pass_step(calm=self.calm)
        for one in self.feeds.values():
            self._live_feed(one)
        for consumer, source, frames in self.bus.deliver():
            self._arrive(consumer, source, frames)
        self._guarded("persister", self._live_persister)
        self._guarded("aggregator", self._live_aggregator)

    def _exchange_says(self, execution: Execution) -> None:
        self._coming += 1
        name, frame = execution.exchange, execution.frame
        frames = [frame]
        kinds = ("doubled", "repeated", "cut short", "spoilt", "lost", "late", "")
        weights = [DOUBLED, REPEATED, CUT_SHORT, SPOILT, LOST, LATE]
        (kind,) = self.chance.choices(kinds, [*weights, 1 - sum(weights)])
        if self.calm and kind in ("spoilt", "lost", "late"):
            kind = ""
        if kind == "doubled":
            frames = [frame, frame, frame]
        elif kind == "repeated":
            frames = [frame, *self.chance.sample(self._sent[name], 1)]
        elif kind == "cut short":
            frames = [frame[:-9], frame]
        elif kind == "spoilt":
            frames = [self._spoilt(execution), frame]
        elif kind == "lost":
            self.lost += 1
            frames = []
        elif kind == "late":
            due = self._coming + self.chance.choice((3, 20, LATE_MAX))
            self._late.append((self.chance.randrange(self._coming, due), name, frame))
            frames = []
        for one in frames:
            self.feeds[name].feed.on_frame(one, self.clock.now)

    def _spoilt(self, execution: Execution) -> bytes:
        """Return the frame of one trade more, which nobody should believe."""
        number = NEVER + len(self.quarantined)
        trade_id = b":%d," % execution.trade.trade_id
        bad = execution.frame.replace(trade_id, b":%d," % number)
        price = b'"%s"' % execution.trade.price.encode()
        bad = bad.replace(price, b'"NaN"')
        self._sent[execution.exchange].insert(-1, bad)
        self.quarantined.append((execution.exchange, execution.trade.symbol, number))
        return bad

    def _late_arrive(self) -> None:
        """Bring what comes in another order than it happened."""
        due = [one for one in self._late if one[0] <= self._coming or self.calm]
        self._late = [one for one in self._late if one not in due]
        for _, name, frame in self.chance.sample(due, len(due)):
            self.feeds[name].feed.on_frame(frame, self.clock.now)

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
            if not self.calm and self.chance.random() < UNANSWERED:
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
                self._counted = self.aggregator_counters()
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

    def aggregator_counters(self) -> Counter[str]:
        """Return what the aggregator has counted, in all its lives together."""
        return self._counted + self.aggregator.health.counters

    def have_it_checked(self) -> None:
        """Live on until the aggregator has compared its candles with Postgres once more."""
        before = self.aggregator_counters()["self_check_runs"]

        def checked() -> bool:
            self.clock.pass_time(1_000_000)
            self._live_aggregator()
            return self.aggregator_counters()["self_check_runs"] > before

        eventually(checked, within=20)

    def close(self) -> None:
        """End everything."""
        self.trouble.end()
        self.persister.die()
        for one in self.feeds.values():
            one.die()

"""A recording as a source: plays its frames, as sent, to those who subscribed to them.

Playing begins a moment after the first client has subscribed, so that one that asks for its streams
one by one misses nothing. At speed ``max`` it goes as fast as the clients read, and waits while
there is none; at a number it goes that much faster than it was recorded. Nothing is dropped: a
client whose buffer is full holds everything up. After the last frame connections stay open. Server
time is the time of the playback. Of an exchange that is asked, the first question is the first
subscription, and at speed ``max`` the next answer waits until somebody was told the one before.
"""

import asyncio
import time
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator

from procs.simulator.connection import Client, drained
from procs.simulator.listing import Listing
from procs.simulator.market import Clock, Execution
from procs.simulator.protocol import Polled
from procs.simulator.recording import Recorded, fold, frames
from procs.simulator.truth import Bar, key_of
from procs.simulator.wire import frame

FRAMES_PER_WAKE = 500
WAKE_S = 0.001
WAIT_MAX_S = 0.05
SETTLED_AFTER_S = 0.25
"""From the first subscription to the first frame."""


class RecordedMarket:
    """The market of a recording: what has been played so far.

    Args:
        recorded: what the files hold.
        speed: times the recorded speed; ``None``: as fast as the clients read.
        clock: the wall clock, when times are shifted so that the first frame is now; else ``None``.
    """

    def __init__(self, recorded: Recorded, speed: float | None, clock: Clock | None) -> None:
        self.listings: dict[str, Listing] = recorded.listings
        self.played = 0
        self.pace = 0.0
        """How fast its time goes: 0 before the start, in a pause and at speed ``max``."""
        self._clock = clock
        self._first_ts = self._anchor_ts = recorded.first_ts
        self._anchor = time.monotonic()
        self._speed = speed
        self._shift: int | None = 0 if clock is None else None
        self.asked = False
        """Whether somebody has been told of the last frame played; or of none, before the first."""
        self._newest = ""
        self._ids: dict[str, list[int]] = {native: [] for native in recorded.listings}
        self._trades: dict[str, dict[int, Execution]] = {native: {} for native in recorded.listings}

    @property
    def shift(self) -> int:
        """What is added to all times, µs, whole milliseconds. Settled when the playback starts."""
        if self._shift is None and self._clock is not None:
            return (self._clock() - self._first_ts) // 1000 * 1000
        return self._shift or 0

    def start(self) -> None:
        """Let time go."""
        self._shift = self.shift
        self.run_at(self._speed or 0.0)

    def run_at(self, pace: float) -> None:
        """Let time go at this pace from here."""
        self._anchor_ts, self._anchor = self.recorded_now(), time.monotonic()
        self.pace = pace

    def go_on(self) -> None:
        """Let time go at the speed of the playback."""
        self.run_at(self._speed or 0.0)

    def reached(self, ts: int) -> None:
        """A frame received at ``ts`` has been played."""
        if ts > self.recorded_now():
            self._anchor_ts, self._anchor = ts, time.monotonic()

    def recorded_now(self) -> int:
        """Return the time of the playback on the recorder's clock, not shifted, µs UTC."""
        return self._anchor_ts + int((time.monotonic() - self._anchor) * 1e6 * self.pace)

    def now(self) -> int:
        """Return the exchange's time: that of the playback."""
        return self.recorded_now() + self.shift

    def position(self) -> int:
        """Return the number of frames played."""
        return self.played

    def execute(self, native: str, trade: Execution) -> None:
        """A trade has been played. The first of one id counts; those without are numbered."""
        trades = self._trades[native]
        if trade.trade_id == 0:
            trade = trade._replace(trade_id=len(trades) + 1)
        if trade.trade_id not in trades:
            trades[trade.trade_id] = trade
            insort(self._ids[native], trade.trade_id)

    def last_id(self, native: str, position: int) -> int:
        """Return the id of the last trade played; 0 where there is none."""
        ids = self._ids[native]
        return ids[-1] if ids else 0

    def executions(self, native: str, first_id: int, last_id: int) -> Iterator[Execution]:
        """Yield the trades from ``first_id`` to ``last_id`` that have been played, by rising id."""
        ids, trades = self._ids[native], self._trades[native]
        for trade_id in ids[bisect_left(ids, first_id) : bisect_right(ids, last_id)]:
            yield trades[trade_id]

    def bars(self, native: str, interval_s: int, start: int, end: int) -> Iterator[Bar]:
        """Yield candles of what has been played."""
        trades = list(self.executions(native, 0, 1 << 62))
        return iter(fold(trades, self.listings[native], interval_s, start, end))

    def show(self, text: str) -> None:
        """This frame has been played."""
        self.played += 1
        self.asked = False
        self._newest = text

    def answer(self) -> str:
        """Return the last frame played; before the first an empty text."""
        self.asked = True
        return self._newest


class Playback:
    """Plays the recordings of one exchange.

    Args:
        recorded: what the files hold.
        speed: times the recorded speed; ``None``: as fast as the clients read.
        seed: of the faults.
        clock: the wall clock, when times are shifted so that the first frame is now; else ``None``.
    """

    def __init__(
        self, recorded: Recorded, speed: float | None, seed: int, clock: Clock | None
    ) -> None:
        self.seed = seed
        self.exchange = recorded.exchange
        self.market = RecordedMarket(recorded, speed, clock)
        self.markets = {recorded.exchange.name: self.market}
        self.clients: set[Client] = set()
        self.counters: Counter[str] = Counter()
        self.trading = True
        self.ended = False
        self._frames = frames(recorded.paths)
        self._next = next(self._frames, None)
        self._paced = speed is not None
        self._polled = isinstance(recorded.exchange, Polled)
        self._key = key_of(seed, "fault", recorded.exchange.name)
        self._start_at: float | None = None
        self._started = False

    def subscribed(self, client: Client) -> None:
        """Its subscriptions have changed: with the first one the playback is about to start."""
        if client.subscribed:
            self._wanted()

    def _wanted(self) -> None:
        if self._start_at is None:
            self._start_at = time.monotonic() + SETTLED_AFTER_S

    def _start(self) -> None:
        """Start when it is time to."""
        if self._polled and self.market.asked:
            self._wanted()
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._started = True
            self.market.start()
            if not self.trading:
                self.market.run_at(0.0)

    async def run(self) -> None:
        """Play, then keep the connections alive, for ever."""
        while True:
            if not self._started:
                self._start()
            if self._started and self.trading:
                self._play()
            for client in list(self.clients):
                if client.ready():
                    self._release(client)
                    client.beat()
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        if self._next is None or not self._started or not self.trading:
            return WAIT_MAX_S if not any(c.holding for c in self.clients) else WAKE_S
        if not self._paced and not self._polled:
            return 0.0 if self._listening() else WAKE_S
        if not self._paced:
            return WAKE_S
        due_s = (self._next[0] - self.market.recorded_now()) / 1e6 / self.market.pace
        return min(max(due_s, WAKE_S), WAIT_MAX_S)

    def _listening(self) -> bool:
        """True when somebody wants frames and all of those can take them."""
        wanting = [client for client in self.clients if client.subscribed]
        return bool(wanting) and all(client.ready() for client in wanting)

    def _play(self) -> None:
        """Play what is due, at most ``FRAMES_PER_WAKE``."""
        wanting = [client for client in self.clients if client.subscribed]
        at_once = FRAMES_PER_WAKE
        if self._polled and not self._paced:
            at_once = 1 if self.market.asked else 0
        elif not all(client.ready() for client in wanting) or not (wanting or self._paced):
            return
        out: dict[Client, list[bytes]] = {client: [] for client in wanting}
        until = self.market.recorded_now() if self._paced else None
        for _ in range(at_once):
            if self._next is None or (until is not None and self._next[0] > until):
                break
            self._play_one(*self._next, out)
            self._next = next(self._frames, None)
            if self._next is None:
                self.ended = True
                self.market.run_at(1.0)
        for client, parts in out.items():
            if parts:
                client.wire.write(b"".join(parts))

    def _play_one(self, ts: int, text: str, out: dict[Client, list[bytes]]) -> None:
        if self.market.shift:
            text = self.exchange.shifted(text, self.market.shift)
        trades = self.exchange.recorded_trades(text)
        for trade in trades:
            self.market.execute(*trade)
        streams = self.exchange.recorded_streams(text)
        self.market.show(text)
        self.market.reached(ts)
        for client, parts in out.items():
            if client.session.streams.isdisjoint(streams):
                continue
            framed = frame(client.session.as_sent(text))
            self.counters["frames"] += 1
            if client.faults.touch_frames and trades:
                number = self._key + self.market.played
                client.hold(framed.decode("latin-1"), number, self._real_now())
            else:
                parts.append(framed)

    def _release(self, client: Client) -> None:
        held = client.release(self._real_now())
        if held:
            client.send(held)

    def _real_now(self) -> int:
        return time.monotonic_ns() // 1000

    async def pause(self) -> bool:
        """Stop playing; return when all has been sent (False: somebody does not read)."""
        self.trading = False
        if not self.ended:
            self.market.run_at(0.0)
        return await drained(self, lambda client: True)

    def resume(self) -> None:
        """Go on playing."""
        if not self.trading and self._started and not self.ended:
            self.market.go_on()
        self.trading = True

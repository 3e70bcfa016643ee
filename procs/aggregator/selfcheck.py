"""The live view against Postgres, once a minute: closed candles must be equal, digit for digit.

In come the keys of the candles as they are folded, the memories and how far each journal has been
applied; out come the keys of candles that are another in Postgres. It never says so in error:
Postgres is read (by ``Reading``) once the persister has come as far as this process was when the
candles were noted, the answer is judged once this process has come as far as the answer, and a
candle that changed in between is left to the next minute.

What has changed since it was last found equal is looked at each minute, everything once an hour:
to read 25 hours of nine symbols takes a tenth of a second of this process.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bus.actor import Instant
from bus.follow import Follower
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import Candle
from market.candle import Key
from market.decimals import plain
from market.intervals import bucket
from procs.aggregator.memory import CLOSE_AFTER_US, KEEP_US, Memory, end
from procs.aggregator.reading import Position, Question, Reading

CHECK_EVERY_US = 60_000_000
ALL_EVERY_US = 3_600_000_000
WAIT_US = 20_000_000
"""So long the persister is waited for; an exchange where it is behind is left out this time."""
SAID_MAX = 5
"""Differences of one check that are said in full; all are counted."""
_DAY_S = 86400

Asking = Callable[[Mapping[str, Question]], Reading]


class _Asked(NamedTuple):
    """One exchange's candles when the question was asked."""

    position: Position
    ours: dict[Key, Candle]
    market_now: int


class SelfCheck:
    """When to look, at which candles, and what was found.

    Args:
        ask: begins to read.
        health: counts ``self_check_runs``, ``self_check_candles`` and ``self_check_differences``;
            ``self_check_differing`` is how many candles differed at the last one.
        log: for each difference.
    """

    def __init__(self, ask: Asking, health: Health, log: Log) -> None:
        self._ask = ask
        self._health = health
        self._log = log
        self._unchecked: dict[str, set[Key]] = {}
        self._meanwhile: dict[str, set[Key]] = {}
        self._asked: dict[str, _Asked] = {}
        self._reading: Reading | None = None
        self._asked_at = 0
        self._next: int | None = None
        self._all_at = 0

    def folded(self, exchange: str, keys: set[Key]) -> None:
        """Take the keys of candles that have just changed."""
        self._unchecked.setdefault(exchange, set()).update(keys)
        if self._reading is not None:
            self._meanwhile.setdefault(exchange, set()).update(keys)

    def abandon(self) -> None:
        """Forget a check that is under way: the memories are others now."""
        if self._reading is not None:
            self._reading.enough.set()
        self._reading = None

    def on_tick(
        self, now: Instant, followers: Mapping[str, Follower], memories: Mapping[str, Memory]
    ) -> dict[str, set[Key]]:
        """Ask or judge, if it is time; return the candles that differ, by exchange."""
        if self._next is None:
            self._next = now.mono + CHECK_EVERY_US
        reading = self._reading
        if reading is None:
            if now.mono >= self._next:
                self._next = now.mono + CHECK_EVERY_US
                self._begin(now, followers, memories)
            return {}
        if not reading.done.is_set():
            if now.mono - self._asked_at >= WAIT_US:
                reading.enough.set()
            return {}
        if reading.error is None and not self._has_come_as_far(reading, followers):
            if now.mono >= self._next:
                self._reading = None  # we are behind: begin anew
            return {}
        self._reading = None
        if reading.error is not None:
            self._log.warning("selfcheck.not_made", reason=reading.error)
            return {}
        return self._judge(reading, followers, memories)

    def _begin(
        self, now: Instant, followers: Mapping[str, Follower], memories: Mapping[str, Memory]
    ) -> None:
        whole = now.mono >= self._all_at
        self._asked = {}
        questions: dict[str, Question] = {}
        for exchange, memory in memories.items():
            follower = followers.get(exchange)
            if follower is None or not follower.epoch or memory.partial:
                continue
            mine = self._unchecked.setdefault(exchange, set())
            mine &= memory.candles.keys()
            ours = {
                key: memory.candles[key]
                for key in (memory.candles if whole else mine)
                if memory.closed(key, now.mono)
            }
            since = bucket(max(0, memory.clock.newest - KEEP_US), _DAY_S)
            position = (follower.epoch, follower.seq)
            self._asked[exchange] = _Asked(position, ours, memory.clock.now(now.mono))
            questions[exchange] = Question(position, since, None if whole else list(ours))
        if questions:
            if whole:
                self._all_at = now.mono + ALL_EVERY_US
            self._meanwhile = {}
            self._asked_at = now.mono
            self._reading = self._ask(questions)

    @staticmethod
    def _has_come_as_far(reading: Reading, followers: Mapping[str, Follower]) -> bool:
        """Return whether this process has applied all that the answer has."""
        return all(
            followers[exchange].epoch != epoch or followers[exchange].seq >= seq
            for exchange, (epoch, seq) in reading.cursors.items()
        )

    def _judge(
        self, reading: Reading, followers: Mapping[str, Follower], memories: Mapping[str, Memory]
    ) -> dict[str, set[Key]]:
        found: dict[str, set[Key]] = {}
        compared = 0
        for exchange, theirs in reading.candles.items():
            asked = self._asked[exchange]
            if followers[exchange].epoch != asked.position[0]:
                continue  # another journal: what was applied since cannot be told
            oldest = memories[exchange].clock.newest - KEEP_US
            left_out = self._meanwhile.get(exchange, set())
            # What Postgres alone has is a difference too, unless it was not closed here yet.
            keys = {
                key
                for key in asked.ours.keys() | theirs.keys()
                if key not in left_out
                and end(key) > oldest
                and end(key) + CLOSE_AFTER_US <= asked.market_now
            }
            differing = {key for key in keys if asked.ours.get(key) != theirs.get(key)}
            compared += len(keys)
            self._unchecked[exchange] -= keys - differing
            if differing:
                found[exchange] = differing
                self._say(exchange, differing, asked.ours, theirs)
        counters = self._health.counters
        counters["self_check_runs"] += 1
        counters["self_check_candles"] += compared
        counters["self_check_differing"] = sum(map(len, found.values()))
        counters["self_check_differences"] += counters["self_check_differing"]
        return found

    def _say(
        self,
        exchange: str,
        keys: set[Key],
        ours: Mapping[Key, Candle],
        theirs: Mapping[Key, Candle],
    ) -> None:
        for key in sorted(keys)[:SAID_MAX]:
            self._log.error(
                "selfcheck.difference",
                exchange=exchange,
                symbol=key[0],
                interval_s=key[1],
                ts_open=key[2],
                here=_text(ours.get(key)),
                postgres=_text(theirs.get(key)),
                candles=len(keys),
            )


def _text(candle: Candle | None) -> str:
    """Return all of a candle in one line, to be compared by eye."""
    if candle is None:
        return "none"
    numbers = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    sums = (candle.sum_p, candle.sum_pq)
    keys = f"{candle.open_key}..{candle.close_key}"
    return " ".join([str(candle.n), keys, *map(plain, numbers), *map(plain, sums)])

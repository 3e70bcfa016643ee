"""What a feed does about missing trades: says so, asks for them, says when they cannot be had.

In come the exchange's newest ids, what Postgres has, and the backfiller's word that there is
nothing; out go journal records and wishes for the backfiller. A gap is journalled before it is
asked for, so that one that stays is a visible row. Which ids are missing is ``holes``' business,
and their trades come in like all others.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from bus.actor import Instant, Send
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import (
    Gap,
    GapOpened,
    GapsWanted,
    GapUnfillable,
    Recovered,
    Seen,
    SymbolStatus,
    encode,
)
from procs.feed.commits import Commits

REASON = "ids are missing"
JUMP = "an id far ahead that no other one confirms"
DOUBT_US = 10_000_000
"""So long one id far ahead waits for another that confirms it."""
NEVER = 1 << 62


class Gaps:
    """One exchange's gaps.

    Args:
        exchange: its name.
        commits: the ids seen, and the journal.
        health: what the process says of itself.
        log: for what a person must know.
    """

    def __init__(self, exchange: str, commits: Commits, health: Health, log: Log) -> None:
        self._exchange = exchange
        self._commits = commits
        self._holes = commits.holes
        self._health = health
        self._log = log
        self._filled: Counter[str] = Counter()
        self._unfillable: Counter[str] = Counter()
        self._promised: dict[str, int] = {}
        self._doubted: dict[tuple[str, int], tuple[int, int]] = {}
        self._begun = False

    def beat(self, symbol: str, newest: int, now: Instant) -> None:
        """Take the exchange's word that ``newest`` is the id of its newest trade."""
        ours = self._commits.newest(symbol)
        if ours is None or newest <= max(ours, self._promised.get(symbol, 0)):
            return
        first = max(ours, self._promised.get(symbol, 0)) + 1
        self._promised[symbol] = newest
        since = self._commits.newest_at.get((symbol, 0))
        self._holes.jumped((symbol, 0), first, newest, since, now.mono)

    def seen(self, message: Seen, now: Instant) -> None:
        """Take what Postgres has: after a lost journal that is more than we know of."""
        for one in message.ids:
            key = (one.symbol, one.series)
            if one.newest is not None:
                self._commits.newest_at.setdefault(key, one.newest)
            if self._commits.know(key, one.intervals):
                self._look(key, now)

    def _look(self, key: tuple[str, int], now: Instant) -> None:
        """Note every hole between ids that were seen."""
        since, end = self._commits.newest_at.get(key), self._commits.frontiers[key].last
        for first, last in self._commits.ids[key].gaps():
            if end is not None and last < end:
                self._holes.jumped(key, first, last, since, now.mono)

    def absent(self, message: Recovered) -> None:
        """Take the exchange's word that it has no trade there."""
        key = (message.symbol, message.series)
        if message.absent and key in self._commits.ids:
            self._holes.absent(key, message.absent, self._commits.ids)

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Journal what has turned out to be missing or not to be had; ask for the rest."""
        if not self._begun:
            self._begun = True
            for key in self._commits.ids:
                self._look(key, now)
        if not self._commits.journal_ok:
            return ()
        ids = self._commits.ids
        sends: list[Send] = []
        due = self._holes.due(ids, now.mono)
        if due:
            sends += self._open(due, REASON, now)
        for gap in self._holes.filled(ids):
            self._filled[gap.symbol] += 1
            self._health.counters["gaps_filled"] += 1
        sends += self._doubt(now)
        sends += self._give_up(now)
        wanted = self._holes.wanted(ids, self._commits.stored_seq, now.mono)
        if wanted:
            sends.append(Send("backfiller", b"", encode(GapsWanted(self._exchange, wanted))))
        return sends

    def _doubt(self, now: Instant) -> Sequence[Send]:
        """Say of an id far ahead that nothing has confirmed that what is before it is not there.

        It is not asked for: that would be a billion trades which nobody says that there are.
        """
        sends: list[Send] = []
        for key, frontier in self._commits.frontiers.items():
            number, last = frontier.doubtful, frontier.last
            if number is None or last is None:
                continue
            held, at = self._doubted.get(key, (None, 0))
            if held != number:
                self._doubted[key] = (number, now.mono)
            elif 0 < at <= now.mono - DOUBT_US:
                self._doubted[key] = (number, 0)
                self._log.error("gap.jump", symbol=key[0], last_id=last, next_id=number)
                sends += self._open([(Gap(key[0], last + 1, number - 1, key[1]), None)], JUMP, now)
        return sends

    def _open(self, due: list[tuple[Gap, int | None]], reason: str, now: Instant) -> list[Send]:
        """Journal gaps and look after them from now on; on a full disk note them again."""
        gaps = [gap for gap, _ in due]
        told = self._commits.journal(
            lambda name, epoch, seq: GapOpened(name, epoch, seq, gaps, reason), now
        )
        for gap, since in due:
            if told is None:
                key = (gap.symbol, gap.series)
                self._holes.jumped(key, gap.first_id, gap.last_id, since, now.mono)
            else:
                self._holes.open(gap, since, now.mono, hold_until=NEVER if reason == JUMP else 0)
        self._health.counters["gaps_opened"] += len(told or ()) and len(gaps)
        return told or []

    def _give_up(self, now: Instant) -> Sequence[Send]:
        lost: list[Gap] = self._holes.unfillable(self._commits.ids)
        if not lost:
            return ()
        for gap in lost:
            self._unfillable[gap.symbol] += 1
            self._log.error(
                "gap.unfillable", symbol=gap.symbol, first_id=gap.first_id, last_id=gap.last_id
            )
        self._health.counters["gaps_unfillable"] += len(lost)
        return (
            self._commits.journal(
                lambda name, epoch, seq: GapUnfillable(name, epoch, seq, lost), now
            )
            or ()
        )

    def of(self, status: SymbolStatus) -> SymbolStatus:
        """Return a symbol's status with what is known of its gaps."""
        gaps, missing = self._holes.count(self._commits.ids).get(status.symbol, (0, 0))
        return msgspec.structs.replace(
            status,
            gaps_open=gaps,
            missing=missing,
            gaps_filled=self._filled[status.symbol],
            gaps_unfillable=self._unfillable[status.symbol],
        )

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
from procs.feed.holes import JUMP_MAX

REASON = "ids are missing"
JUMP = "an id far ahead that no other one confirms"
DOUBT_US = 10_000_000
"""So long one id far ahead waits for another that confirms it."""
RECORD_GAPS = 1_000
"""Gaps in one journal record."""
LOOK_EVERY_US = 200_000


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
        self._anew: set[str] = set()
        self._jumped: set[tuple[str, int]] = set()
        """The (symbol, series) for whose id far ahead a gap stands open."""
        self._look_at = 0
        self._doubted: dict[tuple[str, int], tuple[int, int]] = {}
        self._begun = False

    def beat(self, symbol: str, newest: int, now: Instant) -> None:
        """Take the exchange's word that ``newest`` is the id of its newest trade."""
        ours = self._commits.newest(symbol)
        if ours is None or not self._commits.gapless or newest - ours > JUMP_MAX:
            return
        if newest <= max(ours, self._promised.get(symbol, 0)):
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
        if not self._commits.gapless:
            return
        since, end = self._commits.newest_at.get(key), self._commits.frontiers[key].last
        for first, last in self._commits.ids[key].gaps():
            if end is not None and last < end:
                self._holes.jumped(key, first, last, since, now.mono)

    def began_anew(self, symbol: str, trade_id: int) -> None:
        """Say once that an exchange gives ids that it gave before."""
        if symbol not in self._anew:
            self._anew.add(symbol)
            self._log.error("ids.anew", symbol=symbol, trade_id=trade_id)

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
        if not self._commits.journal_ok or now.mono < self._look_at:
            return ()
        self._look_at = now.mono + LOOK_EVERY_US
        ids = self._commits.ids
        sends: list[Send] = []
        due = self._holes.due(ids, now.mono)
        if due:
            sends += self._open(due, now)
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
            if number is None or last is None or number <= last + 1:
                self._jumped.discard(key)
                continue
            held, at = self._doubted.get(key, (None, 0))
            if held != number:
                self._doubted[key] = (number, now.mono)
            elif 0 < at <= now.mono - DOUBT_US:
                gap = Gap(key[0], last + 1, number - 1, key[1])
                told = self._journal([gap], JUMP, now)
                if told is not None:
                    self._doubted[key] = (number, 0)
                    self._jumped.add(key)
                    self._log.error("gap.jump", symbol=key[0], last_id=last, next_id=number)
                    sends += told
        return sends

    def _journal(self, gaps: list[Gap], reason: str, now: Instant) -> list[Send] | None:
        told = self._commits.journal(
            lambda name, epoch, seq: GapOpened(name, epoch, seq, gaps, reason), now
        )
        self._health.counters["gaps_opened"] += 0 if told is None else len(gaps)
        return told

    def _open(self, due: list[tuple[Gap, int | None]], now: Instant) -> list[Send]:
        """Journal gaps and look after them from now on; on a full disk note them again."""
        sends: list[Send] = []
        for at in range(0, len(due), RECORD_GAPS):
            part = due[at : at + RECORD_GAPS]
            told = self._journal([gap for gap, _ in part], REASON, now)
            for gap, since in part:
                if told is None:
                    key = (gap.symbol, gap.series)
                    self._holes.jumped(key, gap.first_id, gap.last_id, since, now.mono)
                else:
                    self._holes.open(gap, since, now.mono)
            sends += told or ()
        return sends

    def _give_up(self, now: Instant) -> Sequence[Send]:
        lost: list[Gap] = self._holes.unfillable(self._commits.ids)
        if not lost:
            return ()
        told = self._commits.journal(
            lambda name, epoch, seq: GapUnfillable(name, epoch, seq, lost), now
        )
        if told is None:
            self._holes.take_back(lost, now.mono)
            return ()
        for gap in lost:
            self._unfillable[gap.symbol] += 1
            self._log.error(
                "gap.unfillable", symbol=gap.symbol, first_id=gap.first_id, last_id=gap.last_id
            )
        self._health.counters["gaps_unfillable"] += len(lost)
        return told

    def counted(self) -> dict[str, tuple[int, int]]:
        """Return (open gaps, missing ids) of each symbol that has some; a jump is one gap."""
        found = self._holes.count(self._commits.ids)
        for symbol, _ in self._jumped:
            gaps, missing = found.get(symbol, (0, 0))
            found[symbol] = (gaps + 1, missing)
        return found

    def of(self, status: SymbolStatus, counted: dict[str, tuple[int, int]]) -> SymbolStatus:
        """Return a symbol's status with what is known of its gaps."""
        gaps, missing = counted.get(status.symbol, (0, 0))
        return msgspec.structs.replace(
            status,
            gaps_open=gaps,
            missing=missing,
            gaps_filled=self._filled[status.symbol],
            gaps_unfillable=self._unfillable[status.symbol],
        )

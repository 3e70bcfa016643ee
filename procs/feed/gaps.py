"""What a feed does about missing trades: says so, asks for them, says when they cannot be had.

In come the exchange's newest ids, what Postgres has, and the backfiller's word that there is
nothing; out go journal records and wishes for the backfiller. A gap is journalled before it is
asked for, so that one that stays is a visible row. Which ids are missing is ``holes``' business,
and their trades come in like all others; so do those from before the first (``earlier``) and after
the last (``newer``).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

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
from market.sequence import IdSet
from procs.feed.commits import Commits
from procs.feed.earlier import Earlier
from procs.feed.holes import JUMP_MAX, Key
from procs.feed.newer import Newer

REASON = "ids are missing"
JUMP = "an id far ahead that no other one confirms"
LOST_THERE = "the database does not have them any more"
UNWANTED = "not asked for: it stood by, or the exchange has begun its ids anew since"
DOUBT_US = 10_000_000
"""So long one id far ahead waits for another that confirms it."""
RECORD_GAPS = 1_000
"""Gaps in one journal record."""
LOOK_EVERY_US = 200_000
OFTEN_GAPS = 1_000
"""For each so many open gaps one look is left out."""


class Gaps:
    """One exchange's gaps.

    Args:
        exchange: its name.
        commits: the ids seen, and the journal.
        health: what the process says of itself.
        log: for what a person must know.
        series: the setting ``SERIES``, of all exchanges.
    """

    def __init__(
        self,
        exchange: str,
        commits: Commits,
        health: Health,
        log: Log,
        series: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self._exchange = exchange
        self._commits = commits
        self._holes = commits.holes
        self._health = health
        self._log = log
        self._series = dict(series or {})
        self._earlier = Earlier(commits.ids, commits.newest_at)
        self.newer = Newer(commits)
        """What the stream does not tell; to be told of each connect and trade."""
        self._filled: Counter[str] = Counter()
        self._unfillable: Counter[str] = Counter()
        self._promised: dict[Key, int] = {}
        self._anew: set[str] = set()
        self._jumped: set[Key] = set()
        """The (symbol, series) for whose id far ahead a gap stands open."""
        self._due_at = self._look_at = 0
        self._doubted: dict[Key, tuple[int, int]] = {}
        self._suspected: dict[Key, tuple[IdSet, int]] = {}
        """What we had and Postgres had not, and how far the journal was then."""
        self._ended: dict[Gap, None] = {}
        """What is missing of series that have ended."""
        self._begun = False
        _, self._began_seq = health.positions[exchange]

    def beat(self, symbol: str, newest: int, now: Instant) -> None:
        """Take the exchange's word that ``newest`` is the id of its newest trade."""
        key = self._commits.key_of(symbol)
        ours = self._commits.newest(symbol)
        if ours is None or not self._commits.gapless or newest - ours > JUMP_MAX:
            return
        self.newer.told(symbol)
        known = max(ours, self._promised.get(key, 0))
        if newest > known:
            self._promised[key] = newest
            since = self._commits.newest_at.get(key)
            self._holes.jumped(key, known + 1, newest, since, now.mono)

    def seen(self, message: Seen, now: Instant) -> Sequence[Send]:
        """Take what Postgres has: more than we know of, or less."""
        sends: list[Send] = []
        epoch, _ = self._health.positions[self._exchange]
        abreast = message.epoch != epoch or message.seq >= self._began_seq
        for one in message.ids:
            key = (one.symbol, one.series)
            if one.newest is not None and abreast:  # else our newest may be newer than Postgres'
                self._commits.newest_at.setdefault(key, one.newest)
            if self._commits.know(key, one.intervals):
                self._look(key, now)
                self._earlier.drop(key)
            self._earlier.stored(one, now.mono)
            if key == self._commits.key_of(one.symbol) and one.intervals:
                sends += self._compare(key, IdSet(one.intervals), message, now)
        for gap in message.gaps:
            key = (gap.symbol, gap.series)
            if key not in self._commits.ids:
                continue
            if key == self._commits.key_of(gap.symbol):
                self._reopen(gap, now)
            else:
                self._end(key, self._commits.ids[key].missing(gap.first_id, gap.last_id))
        return sends

    def _end(self, key: Key, parts: Iterable[tuple[int, int]]) -> None:
        """Note what is missing and cannot be asked for, to be said once."""
        for first, last in self._holes.unknown(key, parts):
            self._ended[Gap(key[0], first, last, key[1])] = None

    def _reopen(self, gap: Gap, now: Instant) -> None:
        """Look after a gap that Postgres has open; a very long one as far as it is beyond doubt.

        Before an id far ahead that no other one confirms most trades are still to be executed. To
        ask for them would end with the exchange's word that it has none, and then those that are
        missed among them later would not be asked for.
        """
        key = (gap.symbol, gap.series)
        ids, last = self._commits.ids[key], gap.last_id
        above = ids.within(last + 1, last + JUMP_MAX)
        confirmed = sum(high - low + 1 for low, high in above) > 1
        if last - gap.first_id >= JUMP_MAX - 1 and not confirmed:
            end = self._commits.frontiers[key].last
            last = min(last, -1 if end is None else end)
        if gap.first_id <= last:
            self._holes.reopen(Gap(gap.symbol, gap.first_id, last, gap.series), ids, now.mono)

    def _compare(self, key: Key, theirs: IdSet, message: Seen, now: Instant) -> Sequence[Send]:
        """Count as missing what we have had and Postgres, though it is as far as we were, has not.

        That is so where it was set back to an older state, or has passed over a damaged record.
        What lies before its first id is not compared: there it may not know of all it has.
        """
        first, ours = theirs.first, self._commits.ids[key]
        epoch, seq = self._health.positions[self._exchange]
        if first is None or not self._commits.gapless or message.epoch != epoch:
            return ()
        suspected, at_seq = self._suspected.pop(key, (IdSet(), 0))
        less = [
            part
            for low, high in ours.within(first, ours.last or first)
            for part in theirs.missing(low, high)
        ]
        self._suspected[key] = (IdSet(less), seq)
        if message.seq < at_seq:
            return ()
        return self._lost_there(
            key, [part for low, high in less for part in suspected.within(low, high)], now
        )

    def _lost_there(
        self, key: Key, parts: Sequence[tuple[int, int]], now: Instant
    ) -> Sequence[Send]:
        """Journal as a gap what we had and Postgres has lost; on a full disk it stays as it was."""
        if not parts:
            return ()
        ids = self._commits.ids[key]
        for low, high in parts:
            ids.remove_range(low, high)
        gaps = [Gap(key[0], low, high, key[1]) for low, high in parts]
        told = self._journal(gaps, LOST_THERE, now)
        if told is None:
            for low, high in parts:
                ids.add_range(low, high)
            return ()
        self._log.warning("gap.lost_there", symbol=key[0], ids=sum(map(_size, gaps)))
        for gap in gaps:
            self._holes.open(gap, None, now.mono)
        return told

    def _look(self, key: Key, now: Instant) -> None:
        """Note every hole between ids that were seen; those of a series that has ended are lost."""
        if not self._commits.gapless:
            return
        missing = self._commits.ids[key].gaps()
        if key != self._commits.key_of(key[0]):
            # By these ids REST would bring other trades, those of the present series.
            self._end(key, missing)
            return
        since, end = self._commits.newest_at.get(key), self._commits.frontiers[key].last
        for first, last in missing:
            if end is not None and last < end:
                self._holes.jumped(key, first, last, since, now.mono)

    def began_anew(self, symbol: str, trade_id: int) -> None:
        """Say once that an exchange gives ids that it gave before, and what to do about it."""
        if symbol in self._anew:
            return
        self._anew.add(symbol)
        _, series = self._commits.key_of(symbol)
        wanted = {**self._series, (self._exchange, symbol): series + 1}
        line = ",".join(
            f"{exchange}:{name}={number}" for (exchange, name), number in wanted.items()
        )
        advice = f"write SERIES={line} into .env and restart"
        self._log.error("ids.anew", symbol=symbol, trade_id=trade_id, advice=advice)
        self._health.last_error = f"{symbol} has ids that were given before; {advice}"

    def absent(self, message: Recovered, now: Instant) -> None:
        """Take the exchange's word that it has no trade there."""
        self._earlier.brought(message, now.mono)
        self.newer.brought(message, now.mono)
        key = (message.symbol, message.series)
        if message.absent and key in self._commits.ids:
            self._holes.absent(key, message.absent, self._commits.ids)

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Journal what has turned out to be missing or not to be had; ask for the rest."""
        if not self._begun:
            self._begun = True
            for key in self._commits.ids:
                self._look(key, now)
        if not self._commits.journal_ok or now.mono < self._due_at:
            return ()
        self._due_at = now.mono + LOOK_EVERY_US
        ids = self._commits.ids
        sends: list[Send] = []
        due = self._holes.due(ids, now.mono)
        if due:
            sends += self._open(due, now)
        sends += self._unwanted(now)
        sends += self._doubt(now)
        if now.mono >= self._look_at:
            # With very many open gaps looking at all of them takes long: it is done less often.
            self._look_at = now.mono + LOOK_EVERY_US * (len(self._holes) // OFTEN_GAPS)
            sends += self._look_after(now)
        return sends

    def _look_after(self, now: Instant) -> Sequence[Send]:
        """See which gaps are filled or cannot be; ask for the others."""
        ids = self._commits.ids
        for gap in self._holes.filled(ids):
            self._filled[gap.symbol] += 1
            self._health.counters["gaps_filled"] += 1
        sends = [*self._give_up(now)]
        if self._commits.crowded:
            return sends  # whatever came now would only push out what is still to be stored
        wanted = self._holes.wanted(ids, now.mono)
        if self._commits.gapless:
            wanted += self.newer.wanted(now.mono)
            wanted += self._earlier.wanted(now.mono)
        if wanted:
            sends.append(Send("backfiller", b"", encode(GapsWanted(self._exchange, wanted))))
        return sends

    def _unwanted(self, now: Instant) -> Sequence[Send]:
        """Journal gaps that nobody is to fill: of the time on standby, and of series that ended."""
        gaps = [*self._commits.passed_by, *self._ended]
        told = self._journal(gaps, UNWANTED, now) if gaps else None
        if told is None:
            return ()
        self._commits.passed_by, self._ended = [], {}
        for gap in gaps:
            self._holes.give_up((gap.symbol, gap.series), gap.first_id, gap.last_id)
        said = self._said_unfillable(gaps, now)
        if said is None:  # the disk is full from here on: at the next start they are found again
            for gap in gaps:
                self._holes.gone[gap.symbol, gap.series].remove_range(gap.first_id, gap.last_id)
        return told + (said or [])

    def _said_unfillable(self, gaps: list[Gap], now: Instant) -> list[Send] | None:
        return self._commits.journal(
            lambda name, epoch, seq: GapUnfillable(name, epoch, seq, gaps), now
        )

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
        told = self._said_unfillable(lost, now)
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
        found = self._holes.count()
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


def _size(gap: Gap) -> int:
    return gap.last_id - gap.first_id + 1

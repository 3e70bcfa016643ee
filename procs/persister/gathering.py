"""Records on their way into Postgres: off the bus or out of the journals, gathered in groups.

In come records of all exchanges and the heartbeats that say where their journals end; out goes one
group at a time, the exchanges taking turns, so that a database that takes seconds for each keeps
nobody waiting for more than one. What is let go here is in the journal.
"""

from collections import Counter, deque
from pathlib import Path

from bus.follow import Follower, tell
from bus.log import Log
from bus.messages import JournalRecord, TradeBatch

GROUP_TRADES = 2_000
"""A group this large is stored at once; a smaller one waits for the next tick, 100 ms at most."""


class Gathering:
    """What has been read of each journal and is not stored yet.

    Args:
        journal_dir: where the journals are.
        counters: where it is counted which way the trades came.
        log: for what is wrong with a journal.
    """

    def __init__(self, journal_dir: Path, counters: Counter[str], log: Log) -> None:
        self._journal_dir = journal_dir
        self._counters = counters
        self._log = log
        self._followers: dict[str, Follower] = {}
        self._groups: dict[str, list[JournalRecord]] = {}
        self._sizes: Counter[str] = Counter()
        self._turns: deque[str] = deque()
        self._ripe: set[str] = set()

    def follow(self, exchange: str, epoch: int, seq: int) -> None:
        """Go on after this position of an exchange's journal."""
        follower = self._followers.get(exchange)
        if follower is None:
            follower = Follower(self._journal_dir, exchange, self._counters, self._log)
            self._followers[exchange] = follower
            self._turns.append(exchange)
        follower.reset(epoch, seq)

    def heard(self, payload: bytes) -> None:
        """Take a feed's heartbeat, which says where its journal ends."""
        tell(self._followers, payload)

    def take(self, record: JournalRecord) -> None:
        """Take a record off the bus, if it is the next one of an exchange that is followed."""
        follower = self._followers.get(record.exchange)
        if follower is not None and follower.take(record):
            self._add(record)

    def _add(self, record: JournalRecord) -> None:
        self._groups.setdefault(record.exchange, []).append(record)
        if isinstance(record, TradeBatch):
            self._sizes[record.exchange] += len(record.trades)

    @property
    def queue(self) -> int:
        """Trades that wait."""
        return self._sizes.total()

    def ripen(self) -> None:
        """Let everything that waits be a group, however small."""
        self._ripe.update(
            exchange
            for exchange, follower in self._followers.items()
            if follower.behind or exchange in self._groups
        )

    def busy(self) -> bool:
        """Return whether there is something to go on with at once."""
        return bool(self._ripe) or any(one.behind for one in self._followers.values())

    def behind(self) -> bool:
        """Return whether there is more than what the last moment brought."""
        return self.queue >= GROUP_TRADES or any(one.behind for one in self._followers.values())

    def at_rest(self, exchange: str) -> bool:
        """Return whether nothing of an exchange waits or is to be read, as far as is known."""
        return exchange not in self._groups and not self._followers[exchange].behind

    def next(self) -> tuple[str, list[JournalRecord]] | None:
        """Return the next group that is large enough or ripe; None where there is none."""
        for _ in range(len(self._turns)):
            exchange = self._turns[0]
            self._turns.rotate(-1)
            follower = self._followers[exchange]
            if follower.behind and self._sizes[exchange] < GROUP_TRADES:
                for record in follower.read():
                    self._add(record)
            if self._sizes[exchange] < GROUP_TRADES and exchange not in self._ripe:
                continue
            self._ripe.discard(exchange)
            group = self._groups.pop(exchange, None)
            self._sizes.pop(exchange, None)
            if group is not None:
                return exchange, group
        return None

    def let_go(self) -> None:
        """Forget all that waits; it will be read from the journals."""
        self._groups.clear()
        self._sizes.clear()
        self._ripe.clear()
        for follower in self._followers.values():
            follower.behind = True

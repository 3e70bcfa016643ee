"""What is given up when the journal has reached its cap. Pure.

The oldest records go in, the ids that go with them come out. Nothing may vanish in silence: the ids
of trades that Postgres has not stored become a gap, and a gap that was journalled and not stored
either is said again, but for what has been received since; and so is one that could not be filled.
Of a record that another tickwire wrote nothing is known: the persister finds such holes by itself.
"""

from collections.abc import Iterable

import msgspec

from bus.journal_reader import Record
from bus.messages import GapOpened, GapUnfillable, TradeBatch, decode_record
from market.sequence import IdSet

Ids = dict[tuple[str, int], IdSet]
"""Trade ids by (symbol, series)."""


def given_up(oldest: Iterable[Record], stored_seq: int) -> tuple[Ids, Ids]:
    """Return the ids of the trades, and those of the gaps, in records that are not stored."""
    trades: Ids = {}
    gaps: Ids = {}
    for record in oldest:
        if record.seq <= stored_seq:
            continue
        try:
            message = decode_record(record.body)
        except msgspec.DecodeError:
            continue
        if isinstance(message, TradeBatch):
            for trade in message.trades:
                trades.setdefault((trade.symbol, trade.series), IdSet()).add(trade.trade_id)
        elif isinstance(message, GapOpened | GapUnfillable):
            for gap in message.gaps:
                ids = gaps.setdefault((gap.symbol, gap.series), IdSet())
                ids.add_range(gap.first_id, gap.last_id)
    return trades, gaps


def missing(trades: Ids, gaps: Ids, seen: Ids) -> Ids:
    """Return what is to be journalled as a gap; ``seen`` no longer has the ``trades``."""
    lost: Ids = {}
    for key in [*trades, *(key for key in gaps if key not in trades)]:
        ids = lost[key] = IdSet()
        for part in (trades, gaps):
            for low, high in part[key].intervals() if key in part else []:
                ids.add_range(low, high)
        for low, high in seen[key].intervals() if key in seen else []:
            ids.remove_range(low, high)
    return lost

"""Candles as they are now: those in Postgres, the newest ones as the live stream has them.

In come a symbol, an interval and a range; ``read`` asks Postgres, ``joined`` adds what is live and
gives rows as ``store.candle_rows`` has them. Of a stored candle and the live one the one with more
trades counts. Where there is none, or the data began in it, the one that the exchange itself has
published stands, with an ``n`` of 0: it is never added to one of trades but where both are parts of
a longer candle, which is then marked likewise.
"""

from bisect import bisect_left
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Self

from bus.messages import Candle, CandleUpdate
from market import intervals
from market.candle import EMPTY, add, data_begin_in, from_update, vwap
from market.decimals import plain
from store import candle_rows, history
from store.candle_rows import CandleRow, N
from store.candles import Known
from store.pool import Pool

Live = Mapping[int, CandleUpdate]
"""The live candles of one symbol by ``ts_open``, of the interval that the asked one is made of."""


class Range(NamedTuple):
    """The newest ``limit`` candles that open in [start, end), µs UTC, both of them openings."""

    exchange: str
    symbol: str
    interval_s: int
    start: int
    end: int
    limit: int

    @classmethod
    def within(
        cls, exchange: str, symbol: str, interval_s: int, start: int, end: int, limit: int
    ) -> Self:
        """Return the range of the candles that open between any two moments."""
        first, last = (candle_rows.opening(ts, interval_s) for ts in (start, end))
        return cls(exchange, symbol, interval_s, first, last, limit)


class Stored(NamedTuple):
    """What Postgres has of a range; lists rise."""

    exact: list[CandleRow]
    """The candles made of trades."""
    published: list[CandleRow]
    """Those of the exchange, of the interval that the asked one is made of."""
    base: list[CandleRow]
    """Those made of trades that a longer candle has beside the exchange's."""
    parts: dict[int, Candle]
    """What the longer candles that are live are made of."""

    def split(self, ts: int) -> tuple["Stored", "Stored"]:
        """Return what opened before ``ts``, and the rest with what is live."""
        old_exact, exact = _cut(self.exact, ts)
        old_published, published = _cut(self.published, ts)
        old_base, base = _cut(self.base, ts)
        old = Stored(old_exact, old_published, old_base, {})
        return old, Stored(exact, published, base, self.parts)


def settled_until(live: Live, interval_s: int, now: int) -> int:
    """Return since when, µs UTC, candles may yet be open or live: what is older is only stored."""
    return intervals.bucket(min([now, *live]), interval_s)


async def newest(pool: Pool, asked: Range, known: Known, live: Live) -> list[CandleRow]:
    """Return the newest candles of a range as they are now, in rising order.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    live_since = intervals.bucket(min(live), asked.interval_s) if live else None
    return joined(await read(pool, asked, known, live_since), asked, live, known)


async def read(pool: Pool, asked: Range, known: Known, live_since: int | None) -> Stored:
    """Return what is stored of a range, with the parts of what is live since then, if anything is.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    exchange, symbol, interval_s, start, end, limit = asked
    which = (pool, exchange, symbol)
    exact = await candle_rows.newest(*which, interval_s, start, end, limit)
    base_s = candle_rows.base_of(interval_s)
    parts: dict[int, Candle] = {}
    if live_since is not None and base_s != interval_s:
        parts = await candle_rows.parts(*which, base_s, live_since)
    if len(exact) == limit:  # what is older than all of them is not asked for
        start = exact[0][0] * 1_000_000
    if known.published_until is None or known.published_until <= start:
        return Stored(exact, [], [], parts)
    most = limit * (interval_s // base_s)
    found = await history.newest(*which, base_s, start, end, most)
    published: list[CandleRow] = [(*row, 0, None) for row in found]
    base: list[CandleRow] = []
    if published and base_s != interval_s:
        begin, until = _reach(published, interval_s)
        base = await candle_rows.newest(*which, base_s, begin, until, candle_rows.ROWS_MAX)
    return Stored(exact, published, base, parts)


def joined(stored: Stored, asked: Range, live: Live, known: Known) -> list[CandleRow]:
    """Return the newest ``limit`` candles of the range, in rising order."""
    interval_s, limit = asked.interval_s, asked.limit
    base_s = candle_rows.base_of(interval_s)
    base = [_row(message) for message in live.values()]
    rows = base if base_s == interval_s else _live(stored.parts, live, interval_s)
    exact = _newer(stored.exact, rows, asked.start, asked.end)[-limit:]
    published = stored.published
    if not published:
        return exact
    first_whole = -1 if known.since is None else known.since
    if base_s == interval_s:
        return _joined(exact, published, first_whole)[-limit:]
    parts = _newer(stored.base, base, *_reach(published, interval_s))
    mixed = _rolled(_joined(parts, published, first_whole), interval_s)
    # Where a part is the exchange's, so is the whole, whatever else is in it.
    found = {row[0]: row for row in exact} | {row[0]: row for row in mixed}
    return [found[second] for second in sorted(found)][-limit:]


def _cut(rows: list[CandleRow], ts: int) -> tuple[list[CandleRow], list[CandleRow]]:
    at = bisect_left(rows, (ts // 1_000_000,))
    return rows[:at], rows[at:]


def _reach(published: list[CandleRow], interval_s: int) -> tuple[int, int]:
    """Return the range, µs UTC, of the longer candles that have these as parts."""
    begin = intervals.bucket(published[0][0] * 1_000_000, interval_s)
    last = intervals.bucket(published[-1][0] * 1_000_000, interval_s)
    return begin, last + interval_s * 1_000_000


def _joined(exact: list[CandleRow], published: list[CandleRow], since: int) -> list[CandleRow]:
    """Return the union; of two of one time the exact one, unless the data began in it."""
    low = bisect_left(exact, (published[0][0],))
    high = bisect_left(exact, (published[-1][0] + 1,))
    within = {row[0]: row for row in published}
    for row in exact[low:high]:
        if row[0] not in within or not data_begin_in(row[0] * 1_000_000, since):
            within[row[0]] = row
    return exact[:low] + [within[second] for second in sorted(within)] + exact[high:]


def _rolled(parts: list[CandleRow], interval_s: int) -> list[CandleRow]:
    """Return the longer candles of which some part with trades is the exchange's own."""
    buckets: dict[int, list[CandleRow]] = {}
    for row in parts:
        bucket = intervals.bucket(row[0] * 1_000_000, interval_s) // 1_000_000
        buckets.setdefault(bucket, []).append(row)
    # A part in which nothing was traded lacks nothing: it counts only where there is no other.
    told = {bucket: [*filter(_is_traded, rows)] or rows for bucket, rows in buckets.items()}
    return [
        (
            bucket,
            rows[0][1],
            max((row[2] for row in rows), key=Decimal),
            min((row[3] for row in rows), key=Decimal),
            rows[-1][4],
            plain(sum((Decimal(row[5]) for row in rows), Decimal(0))),
            0,
            None,
        )
        for bucket, rows in told.items()
        if not all(row[N] for row in rows)
    ]


def _is_traded(row: CandleRow) -> bool:
    """Return whether trades are in it: some exchanges publish candles of none, at the price before.

    One of trades may be without volume too, as its source has no sizes.
    """
    return row[N] > 0 or Decimal(row[5]) > 0 or Decimal(row[2]) != Decimal(row[3])


def _newer(stored: list[CandleRow], live: list[CandleRow], start: int, end: int) -> list[CandleRow]:
    """Return the union of [start, end); of two of one time the one with more trades."""
    within = {row[0]: row for row in live if start <= row[0] * 1_000_000 < end}
    if not within:
        return stored
    kept = bisect_left(stored, (min(within),))
    for row in stored[kept:]:
        live_one = within.get(row[0])
        if live_one is None or live_one[N] <= row[N]:
            within[row[0]] = row
    return stored[:kept] + [within[second] for second in sorted(within)]


def _live(stored: Mapping[int, Candle], live: Live, interval_s: int) -> list[CandleRow]:
    """Return the longer candles that have a live part, made anew from all of their parts."""
    parts = dict(stored)
    for ts_open, message in live.items():
        if ts_open not in parts or message.n > parts[ts_open].n:
            parts[ts_open] = from_update(message)
    rolled = dict.fromkeys((intervals.bucket(ts_open, interval_s) for ts_open in parts), EMPTY)
    for ts_open, part in parts.items():
        bucket = intervals.bucket(ts_open, interval_s)
        rolled[bucket] = add(rolled[bucket], part)
    found: list[CandleRow] = []
    for bucket, whole in rolled.items():
        weighted = vwap(whole)
        prices = (plain(whole.open), plain(whole.high), plain(whole.low), plain(whole.close))
        mean = None if weighted is None else plain(weighted)
        found.append((bucket // 1_000_000, *prices, plain(whole.volume), whole.n, mean))
    return found


def _row(message: CandleUpdate) -> CandleRow:
    prices = (message.open, message.high, message.low, message.close)
    return (message.ts_open // 1_000_000, *prices, message.volume, message.n, message.vwap)

"""One reading of candles: the settled ones as finished text, what the live ones are joined to.

In come a range and what Postgres has of it; out goes a ``Reading`` that can be kept for a moment,
and of that the page as it is now. Only what is older than every live candle and has closed is
settled: its text can change by a late trade or a filled gap alone, which the next reading has.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from market.candle import data_begin_in
from store import candles as stored
from store.candle_rows import CandleRow
from store.candles import Known
from store.pool import Pool
from web import candles, times
from web.answers import Cells
from web.candles import Live, Range, Stored
from web.frames import native
from web.missing import Missing, missing

_ROW_BYTES = 600
"""About what a row or a candle that is no text yet takes."""
_TEXT_BYTES = 100
"""About what Python takes for a text and a number beside the characters."""


class Asked(NamedTuple):
    """What is read: equal ones have equal readings."""

    span: Range
    settled_until: int
    """See ``web.candles.settled_until``."""
    live: bool
    """There are live candles."""
    format: Literal["json", "csv"]


class Reading(NamedTuple):
    """What was read at one moment; lists rise."""

    asked: Asked
    known: Known
    missing: Missing
    seconds: list[int]
    """When the settled candles open."""
    texts: list[str]
    """The settled candles as they are answered."""
    rest: Stored
    """What is stored of those that are not settled."""
    bytes: int
    """About how much memory it takes."""

    def newest(self, live: Live, limit: int, now: int) -> tuple[list[str], int | None]:
        """Return the newest ``limit`` candles as texts, and if there are older, the first opening.

        Args:
            live: the live candles now.
            limit: less than was read.
            now: µs UTC.
        """
        until = self.asked.settled_until
        live = {ts_open: message for ts_open, message in live.items() if ts_open >= until}
        rows = candles.joined(self.rest, self.asked.span, live, self.known)
        total = len(self.texts) + len(rows)
        rows = rows[-limit:]
        at = max(0, len(self.texts) - (limit - len(rows)))
        texts = self.texts[at:] + _texts(rows, self.asked, now, self.known, self.missing)
        if total <= limit:
            return texts, None
        first = self.seconds[at] if at < len(self.seconds) else rows[0][0]
        return texts, first * 1_000_000


async def reading(pool: Pool, asked: Asked) -> Reading:
    """Read what is asked.

    Raises:
        psycopg.Error: see ``store.pool.is_waitable``.
    """
    wanted, until = asked.span, asked.settled_until
    which = (pool, wanted.exchange, wanted.symbol)
    known = await stored.known(*which)
    found = await candles.read(pool, wanted, known, until if asked.live else None)
    old, rest = found.split(until)
    rows = candles.joined(old, wanted, {}, known)
    begin = min(rows[0][0] * 1_000_000 if rows else until, wanted.end)
    gone = await missing(*which, begin, wanted.end + wanted.interval_s * 1_000_000, known)
    texts = _texts(rows, asked, until, known, gone)
    left = sum(map(len, rest))
    size = sum(map(len, texts)) + len(texts) * _TEXT_BYTES + (1 + left) * _ROW_BYTES
    return Reading(asked, known, gone, [row[0] for row in rows], texts, rest, size)


def _texts(
    rows: Sequence[CandleRow], asked: Asked, now: int, known: Known, gone: Missing
) -> list[str]:
    """Return rows as they are answered; ``now``: what has ended by then has closed."""
    interval_s = asked.span.interval_s
    closed_before = now // 1_000_000 - interval_s
    since = -1 if known.since is None else known.since
    cells = Cells(
        native.CandleRow, [_cells(row, interval_s, closed_before, since, gone) for row in rows]
    )
    return cells.objects() if asked.format == "json" else cells.lines()


def _cells(
    row: CandleRow, interval_s: int, closed_before: int, since: int, gone: Missing
) -> tuple[str, ...]:
    second, opened, high, low, close, volume, n, vwap = row
    trades = str(n)
    ts_open = second * 1_000_000
    partial = n and (
        data_begin_in(ts_open, since) or gone.within(ts_open, ts_open + interval_s * 1_000_000)
    )
    return (
        f'"{times.iso_seconds(ts_open)}"',
        opened,
        high,
        low,
        close,
        volume,
        trades,
        vwap or "null",
        "true" if second <= closed_before else "false",
        trades,
        '"trades"' if n else '"exchange"',
        "true" if partial else "false",
    )

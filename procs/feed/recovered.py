"""What of the trades that the backfiller brings is news, and what of it is believed. Pure.

In comes one answer of an exchange's REST interface; out go the trades to be committed like those
that came by themselves, and what is quarantined. The ids of both count as seen from then on. What
came meanwhile is no duplicate: we asked for it twice ourselves.
"""

from collections.abc import Callable

from msgspec.structs import replace

from bus.actor import Instant
from bus.messages import Quarantined, Recovered, Trade
from procs.feed.commits import Commits
from procs.feed.exchanges import ID_MAX, quarantined


def take(
    message: Recovered, commits: Commits, plausible: Callable[[int], bool], now: Instant
) -> tuple[list[Trade], list[Quarantined]]:
    """Return the trades of an answer that are new, and what is to be quarantined.

    Nothing of an answer to what was asked before the symbol's series was raised.
    """
    symbol, series = message.symbol, message.series
    trades: list[Trade] = []
    items: list[Quarantined] = []
    if (symbol, series) != commits.key_of(symbol):
        return trades, items
    for trade in message.trades:
        if trade.symbol != symbol or not 0 <= trade.trade_id <= ID_MAX:
            continue
        if series and _of_the_series_before(trade, commits):
            continue
        if not plausible(trade.ts_event):
            if commits.see(symbol, series, trade.trade_id, None, now):
                reason = f"an implausible time: {trade.ts_event} µs"
                frame = repr(trade).encode()
                item = quarantined(symbol, trade.trade_id, now.wall, reason, frame)
                items.append(replace(item, series=series))
        elif commits.see(symbol, series, trade.trade_id, trade.ts_event, now):
            trades.append(trade)
    items += [
        item
        for item in message.quarantined
        if item.trade_id is not None and commits.see(symbol, series, item.trade_id, None, now)
    ]
    return trades, items


def _of_the_series_before(trade: Trade, commits: Commits) -> bool:
    """Return whether a trade may be one of the series before, which had its id too."""
    gone = commits.holes.gone.get((trade.symbol, trade.series), ())
    before = commits.ids.get((trade.symbol, trade.series - 1), ())
    return trade.trade_id in gone and trade.trade_id in before

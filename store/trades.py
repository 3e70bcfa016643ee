"""Trades as they rest in Postgres, and the ids that have been seen.

``seen`` decides what is new; it outlives the pruning of ``trade``. The caller changes both in one
transaction. Ids are intervals with both ends included.
"""

from collections.abc import Mapping, Sequence

from bus.messages import Trade
from store.instants import second
from store.pool import Connection

Intervals = list[tuple[int, int]]

_NULL = "\\N"
_ID_MIN, _ID_MAX = -(1 << 63), (1 << 63) - 2  # Postgres keeps the end of a range as last + 1


def seen(connection: Connection, exchange: str) -> dict[tuple[str, int], Intervals]:
    """Return the ids that count as seen, by (symbol, series), in rising order."""
    rows = connection.execute(
        """
        SELECT symbol, series, lower(ids), upper(ids) - 1
        FROM (SELECT symbol, series, unnest(ids) AS ids FROM trade_seen WHERE exchange = %s) AS part
        ORDER BY 1, 2, 3
        """,
        [exchange],
    )
    found: dict[tuple[str, int], Intervals] = {}
    for symbol, series, low, high in rows:
        found.setdefault((symbol, series), []).append((low, high))
    return found


def newest(connection: Connection, exchange: str, limit: int) -> dict[str, list[Trade]]:
    """Return the ``limit`` last trades of each symbol that are not pruned yet, in rising order."""
    rows = connection.execute(
        """
        SELECT part.symbol, trade_id, (extract(epoch FROM ts_event) * 1000000)::bigint,
               (extract(epoch FROM ts_recv) * 1000000)::bigint, price::text, size::text, side,
               part.series
        FROM (SELECT symbol, max(series) AS series FROM trade_seen
              WHERE exchange = %(exchange)s GROUP BY symbol) AS part
        CROSS JOIN LATERAL (
            SELECT trade_id, ts_event, ts_recv, price, size, side FROM trade
            WHERE trade.exchange = %(exchange)s AND trade.symbol = part.symbol
              AND trade.series = part.series
            ORDER BY trade_id DESC LIMIT %(limit)s
        ) AS last
        ORDER BY part.symbol, trade_id
        """,
        {"exchange": exchange, "limit": limit},
    )
    found: dict[str, list[Trade]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Trade(*row))
    return found


def mark_seen(
    connection: Connection,
    exchange: str,
    ids: Mapping[tuple[str, int], Sequence[tuple[int, int]]],
) -> None:
    """Add ids to those that count as seen. An id that is no ``bigint`` is passed over."""
    symbols, series, ranges = [], [], []
    for (symbol, number), intervals in ids.items():
        parts = [
            f"[{max(low, _ID_MIN)},{min(high, _ID_MAX)}]"
            for low, high in intervals
            if low <= _ID_MAX and high >= _ID_MIN
        ]
        symbols.append(symbol)
        series.append(number)
        ranges.append("{" + ",".join(parts) + "}")
    connection.execute(
        """
        INSERT INTO trade_seen (exchange, symbol, series, ids)
        SELECT %s, symbol, series, ids::int8multirange
        FROM unnest(%s::text[], %s::int[], %s::text[]) AS new (symbol, series, ids)
        ORDER BY symbol, series
        ON CONFLICT (exchange, symbol, series)
        DO UPDATE SET ids = trade_seen.ids + excluded.ids
        """,
        [exchange, symbols, series, ranges],
    )


def copy(connection: Connection, exchange: str, trades: Sequence[Trade]) -> None:
    """Insert trades, none of which is there yet.

    Names, prices and sizes are what the feed has checked: they have no tab, backslash or line
    break, which is why they are not escaped here.

    Raises:
        psycopg.errors.UniqueViolation: one is there already.
        psycopg.errors.CheckViolation: a price or size is not what the feed lets through.
    """
    if not trades:
        return
    lines = [
        f"{exchange}\t{trade.symbol}\t{trade.series}\t{trade.trade_id}"
        f"\t{second(trade.ts_event // 1_000_000)}{trade.ts_event % 1_000_000:06d}+00"
        f"\t{second(trade.ts_recv // 1_000_000)}{trade.ts_recv % 1_000_000:06d}+00"
        f"\t{trade.price}\t{trade.size or _NULL}\t{trade.side or _NULL}\n"
        for trade in trades
    ]
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY trade (exchange, symbol, series, trade_id, ts_event, ts_recv, price, size, side)"
            " FROM STDIN"
        ) as sink,
    ):
        sink.write("".join(lines))

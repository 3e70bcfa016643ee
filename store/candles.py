"""Candles as they rest in Postgres, merged by the monoid's own operation.

The functions that take a connection are for the processes that store and fold; those that take a
pool answer the web, as those of ``candle_rows`` do. Times are integer µs UTC, numbers exact
Decimals.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from bus.messages import Candle, Trade
from store.instants import text
from store.pool import Connection, Pool

Key = tuple[str, int, int]
"""(symbol, interval_s, ts_open)."""


class HourAverage(NamedTuple):
    """One row of ``hourly_averages``."""

    hour_start: int
    avg: Decimal
    n: int
    last: Decimal


class Known(NamedTuple):
    """What there is of one symbol. Moments in µs UTC."""

    since: int | None
    """The ``ts_open`` of the oldest 1m candle made of trades."""
    published_until: int | None
    """No candle of the exchange's own (``store.history``) ends later."""
    lacking: bool
    """Trades are missing: it has gaps that are not filled."""


_KNOWN = """
SELECT (SELECT (extract(epoch FROM min(ts_open)) * 1000000)::bigint FROM candle
        WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND interval_s = 60),
       (SELECT (extract(epoch FROM max(upper(covered))) * 1000000)::bigint FROM history_range
        WHERE exchange = %(exchange)s AND symbol = %(symbol)s),
       EXISTS (SELECT FROM gap
               WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND state <> 'filled')
"""
_MERGE = """
INSERT INTO candle AS stored
    (exchange, symbol, interval_s, ts_open, n, open, open_key, high, low, close, close_key,
     volume, sum_p, sum_pq)
SELECT %s, symbol, interval_s, ts_open, n, open, ARRAY[open_series, open_id], high, low,
       close, ARRAY[close_series, close_id], volume, sum_p, sum_pq
FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::bigint[],
            %s::numeric[], %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[],
            %s::numeric[], %s::bigint[], %s::bigint[], %s::numeric[], %s::numeric[], %s::numeric[])
     AS new (symbol, interval_s, ts_open, n,
             open, open_series, open_id, high, low,
             close, close_series, close_id, volume, sum_p, sum_pq)
ORDER BY symbol, interval_s, ts_open
ON CONFLICT (exchange, symbol, interval_s, ts_open) DO UPDATE SET
    n = stored.n + excluded.n,
    open = CASE WHEN excluded.open_key < stored.open_key THEN excluded.open ELSE stored.open END,
    open_key = least(stored.open_key, excluded.open_key),
    high = greatest(stored.high, excluded.high),
    low = least(stored.low, excluded.low),
    close = CASE WHEN excluded.close_key > stored.close_key
                 THEN excluded.close ELSE stored.close END,
    close_key = greatest(stored.close_key, excluded.close_key),
    volume = stored.volume + excluded.volume,
    sum_p = stored.sum_p + excluded.sum_p,
    sum_pq = stored.sum_pq + excluded.sum_pq,
    updated_at = now()
RETURNING symbol, interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint,
    n, open, open_key[1], open_key[2], high, low, close, close_key[1], close_key[2],
    volume, sum_p, sum_pq
"""


def merge(
    connection: Connection, exchange: str, candles: Mapping[Key, Candle]
) -> list[tuple[str, int, int, Candle]]:
    """Add each candle to the stored one, in one statement; return the sums with their keys.

    A candle of no trades is passed over.
    """
    items = [(key, candle) for key, candle in candles.items() if candle.n]
    if not items:
        return []
    keys = [key for key, _ in items]
    new = [candle for _, candle in items]
    rows = connection.execute(
        _MERGE,
        [
            exchange,
            [symbol for symbol, _, _ in keys],
            _array(interval_s for _, interval_s, _ in keys),
            _array(text(ts_open) for _, _, ts_open in keys),
            _array(candle.n for candle in new),
            _array(candle.open for candle in new),
            _array(candle.open_key[0] for candle in new),
            _array(candle.open_key[1] for candle in new),
            _array(candle.high for candle in new),
            _array(candle.low for candle in new),
            _array(candle.close for candle in new),
            _array(candle.close_key[0] for candle in new),
            _array(candle.close_key[1] for candle in new),
            _array(candle.volume for candle in new),
            _array(candle.sum_p for candle in new),
            _array(candle.sum_pq for candle in new),
        ],
    )
    return [(row[0], row[1], row[2], of_row(row[3:])) for row in rows]


def since(
    connection: Connection, exchange: str, ts: int, intervals: Sequence[int]
) -> Iterator[tuple[str, int, int, Candle]]:
    """Yield (symbol, interval_s, ts_open, candle) of what opened at ``ts`` or later."""
    rows = connection.execute(
        """
        SELECT symbol, interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint,
               n, open, open_key[1], open_key[2], high, low, close, close_key[1], close_key[2],
               volume, sum_p, sum_pq
        FROM candle_symbol
        JOIN candle USING (exchange, symbol)
        WHERE exchange = %s AND interval_s = ANY (%s) AND ts_open >= %s::timestamptz
        ORDER BY symbol, interval_s, ts_open
        """,
        [exchange, list(intervals), text(ts)],
    )
    for row in rows:
        yield row[0], row[1], row[2], of_row(row[3:])


def of_keys(
    connection: Connection, exchange: str, keys: Sequence[Key]
) -> Iterator[tuple[str, int, int, Candle]]:
    """Yield (symbol, interval_s, ts_open, candle) of those of the keys that there are."""
    rows = connection.execute(
        """
        SELECT symbol, interval_s, (extract(epoch FROM ts_open) * 1000000)::bigint,
               n, open, open_key[1], open_key[2], high, low, close, close_key[1], close_key[2],
               volume, sum_p, sum_pq
        FROM unnest(%s::text[], %s::int[], %s::timestamptz[]) AS key (symbol, interval_s, ts_open)
        JOIN candle USING (symbol, interval_s, ts_open)
        WHERE exchange = %s
        """,
        [
            [symbol for symbol, _, _ in keys],
            [interval_s for _, interval_s, _ in keys],
            [text(ts_open) for _, _, ts_open in keys],
            exchange,
        ],
    )
    for row in rows:
        yield row[0], row[1], row[2], of_row(row[3:])


def hour_ends(connection: Connection, exchange: str, ts: int) -> dict[tuple[str, int], int]:
    """Return ``ts_event`` of the trade that closed each hour, by (symbol, begin of the hour).

    Of hours that begin at ``ts`` or later; one whose trade is pruned is left out.
    """
    rows = connection.execute(
        """
        SELECT hour.symbol, (extract(epoch FROM hour.ts_open) * 1000000)::bigint,
               (extract(epoch FROM last.ts_event) * 1000000)::bigint
        FROM candle_symbol
        JOIN candle AS hour USING (exchange, symbol)
        CROSS JOIN LATERAL (  -- in the order of the primary key, so that it is the one looked into
            SELECT trade_id, ts_event FROM trade
            WHERE trade.exchange = hour.exchange AND trade.symbol = hour.symbol
              AND trade.series = hour.close_key[1] AND trade.trade_id <= hour.close_key[2]
            ORDER BY trade_id DESC LIMIT 1
        ) AS last
        WHERE hour.exchange = %s AND hour.interval_s = 3600 AND hour.ts_open >= %s::timestamptz
          AND last.trade_id = hour.close_key[2]
        """,
        [exchange, text(ts)],
    )
    return {(symbol, hour): ts_event for symbol, hour, ts_event in rows}


def newest_minutes(connection: Connection) -> dict[str, int]:
    """Return the ``ts_open`` of each exchange's newest 1m candle."""
    rows = connection.execute(
        """
        SELECT exchange, (extract(epoch FROM max(ts_open)) * 1000000)::bigint
        FROM newest_minute GROUP BY exchange
        """
    )
    return dict(rows.fetchall())


def last_trades(connection: Connection) -> dict[tuple[str, str], Trade]:
    """Return the newest trade of each (exchange, symbol) that is not pruned yet."""
    rows = connection.execute(
        """
        SELECT trade.exchange, trade.symbol, trade.trade_id,
               (extract(epoch FROM trade.ts_event) * 1000000)::bigint,
               (extract(epoch FROM trade.ts_recv) * 1000000)::bigint,
               trade.price::text, trade.size::text, trade.side, trade.series
        FROM newest_minute AS minute
        JOIN trade ON trade.exchange = minute.exchange AND trade.symbol = minute.symbol
                  AND trade.series = minute.close_key[1] AND trade.trade_id = minute.close_key[2]
        """
    )
    return {(row[0], row[1]): Trade(*row[1:]) for row in rows}


def known_since(connection: Connection) -> dict[tuple[str, str], int]:
    """Return when each (exchange, symbol) begins: the ``ts_open`` of its oldest 1m candle."""
    rows = connection.execute(
        """
        SELECT exchange, symbol, (extract(epoch FROM ts_open) * 1000000)::bigint
        FROM candle_symbol
        CROSS JOIN LATERAL (
            SELECT min(ts_open) AS ts_open FROM candle
            WHERE candle.exchange = candle_symbol.exchange
              AND candle.symbol = candle_symbol.symbol AND candle.interval_s = 60
        ) AS oldest
        WHERE ts_open IS NOT NULL
        """
    )
    return {(exchange, symbol): ts_open for exchange, symbol, ts_open in rows}


async def known(pool: Pool, exchange: str, symbol: str) -> Known:
    """Return what there is of one symbol: one question that spares most answers two others."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_KNOWN, {"exchange": exchange, "symbol": symbol})
        row = await cursor.fetchone()
    assert row is not None
    return Known(*row)


async def averages(
    pool: Pool, exchange: str, symbol: str, from_us: int, to_us: int
) -> list[HourAverage]:
    """Return the hours that begin in [from_us, to_us), as ``hourly_averages`` has them."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            """
            SELECT (extract(epoch FROM ts_open) * 1000000)::bigint, average_price(sum_p, n), n,
                   close
            FROM candle
            WHERE exchange = %s AND symbol = %s AND interval_s = 3600
              AND ts_open >= %s::timestamptz AND ts_open < %s::timestamptz
            ORDER BY ts_open
            """,
            [exchange, symbol, text(from_us), text(to_us)],
        )
        return [HourAverage(*row) for row in await cursor.fetchall()]


def _array(values: Any) -> str:
    """Return an array literal of values whose text needs no quotes."""
    return "{" + ",".join(map(str, values)) + "}"


def of_row(row: Sequence[Any]) -> Candle:
    """Return the candle of (n, open, its key's two parts, high, low, close, key, three sums)."""
    n, opened, open_series, open_id, high, low, close, close_series, close_id, *sums = row
    return Candle(
        n, opened, (open_series, open_id), high, low, close, (close_series, close_id), *sums
    )

"""A week of nine symbols for the benchmarks: trades, and the candles that follow from them.

``fill`` writes them into a migrated database with SQL alone. Their ids are negative, so that they
stand before every trade of a simulated exchange and meet none of them; they are marked as seen.
"""

from collections.abc import Mapping

import psycopg

WEEK_S = 7 * 86400

_TRADES = """
INSERT INTO trade (exchange, symbol, series, trade_id, ts_event, ts_recv, price, size, side)
SELECT %(exchange)s, %(symbol)s, 0, i - 1 - %(count)s, ts, ts,
       round((%(price)s * (1 + 0.05 * sin(i * 12.0 / %(count)s) + 0.002 * random()))::numeric, 2),
       round((0.001 + random())::numeric, 8),
       CASE WHEN random() < 0.5 THEN 'buy' ELSE 'sell' END
FROM generate_series(1, %(count)s) AS i,
     LATERAL (SELECT date_trunc('minute', now())
                     - (%(count)s - i + 1) * (interval '1 second' * %(week_s)s / %(count)s)
                     AS ts) AS moment
"""
_CANDLES = """
INSERT INTO candle (exchange, symbol, interval_s, ts_open, n, open, open_key, high, low, close,
                    close_key, volume, sum_p, sum_pq)
SELECT exchange, symbol, interval_s, date_bin(interval_s * interval '1 second', ts_event,
                                              '1970-01-05Z') AS bucket,
       count(*), (array_agg(price ORDER BY trade_id))[1], ARRAY[0, min(trade_id)], max(price),
       min(price), (array_agg(price ORDER BY trade_id DESC))[1], ARRAY[0, max(trade_id)],
       sum(size), sum(price), sum(price * size)
FROM trade, unnest(ARRAY[60, 3600, 86400]) AS interval_s
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND trade_id < 0
GROUP BY exchange, symbol, interval_s, bucket
ON CONFLICT (exchange, symbol, interval_s, ts_open) DO NOTHING
"""
_SEEN = """
INSERT INTO trade_seen (exchange, symbol, series, ids)
VALUES (%(exchange)s, %(symbol)s, 0, int8multirange(int8range(-%(count)s, 0)))
ON CONFLICT (exchange, symbol, series) DO UPDATE SET ids = trade_seen.ids + excluded.ids
"""


def fill(dsn: str, feeds: Mapping[str, tuple[str, ...]], trades: int) -> None:
    """Write the week before this minute: ``trades`` trades in equal parts, and their candles."""
    symbols = [(exchange, symbol) for exchange in feeds for symbol in feeds[exchange]]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number, (exchange, symbol) in enumerate(symbols):
            values = {
                "exchange": exchange,
                "symbol": symbol,
                "count": trades // len(symbols),
                "price": 10 + 100 * number,
                "week_s": WEEK_S,
            }
            for statement in (_TRADES, _CANDLES, _SEEN):
                connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE trade, candle")

"""A year of minutes of every symbol for the benchmarks: 525,600 candles each, by COPY.

They stand before the first candle that is there already; hours and days are made of them by SQL.
Their keys are negative, so that they stand before every trade of a simulated exchange.
"""

import time
from collections.abc import Mapping

import psycopg

MINUTES = 365 * 24 * 60
_COPY = """
COPY candle (exchange, symbol, interval_s, ts_open, open, open_key, high, low, close, close_key,
             volume, n, sum_p, sum_pq) FROM STDIN
"""
_ROLLED = """
INSERT INTO candle (exchange, symbol, interval_s, ts_open, open, open_key, high, low, close,
                    close_key, volume, n, sum_p, sum_pq)
SELECT exchange, symbol, longer,
       date_bin(longer * interval '1 second', ts_open, '1970-01-05Z') AS bucket,
       (array_agg(open ORDER BY ts_open))[1], min(open_key), max(high), min(low),
       (array_agg(close ORDER BY ts_open DESC))[1], max(close_key), sum(volume), sum(n),
       sum(sum_p), sum(sum_pq)
FROM candle, unnest(ARRAY[3600, 86400]) AS longer
WHERE interval_s = 60 AND n = 10
GROUP BY exchange, symbol, longer, bucket
ON CONFLICT (exchange, symbol, interval_s, ts_open) DO NOTHING
"""
_BLOCK = 1440


def fill(dsn: str, feeds: Mapping[str, tuple[str, ...]], minutes: int = MINUTES) -> int:
    """Write so many minutes of every symbol, and the hours and days of them; return the rows.

    They end where the oldest minute begins that is stored, or now.
    """
    with psycopg.connect(dsn) as connection:
        [(end,)] = connection.execute(
            "SELECT extract(epoch FROM coalesce(min(ts_open), date_trunc('minute', now())))::bigint"
            " FROM candle WHERE interval_s = 60"
        ).fetchall()
        made = candles(int(end), minutes)
        with connection.cursor().copy(_COPY) as copy:
            for exchange, symbols in feeds.items():
                for symbol in symbols:
                    whose = f"{exchange}\t{symbol}\t"
                    for begin in range(0, minutes, _BLOCK):
                        copy.write("".join(whose + each for each in made[begin : begin + _BLOCK]))
        connection.execute(_ROLLED)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE candle")
        [(count,)] = connection.execute(
            "SELECT count(*) FROM candle WHERE interval_s = 60 AND n = 10"
        ).fetchall()
    return int(count)


def candles(end: int, minutes: int) -> list[str]:
    """Return candles of 10 trades as COPY takes them, but for whose they are; the oldest first.

    ``end`` is the end of the last one, seconds UTC.
    """
    out = []
    for left in range(minutes, 0, -1):
        moment = time.strftime("%Y-%m-%d %H:%M:00Z", time.gmtime(end - 60 * left))
        price, key = 1000 + left * 7919 % 97, -10 * left
        out.append(
            f"60\t{moment}\t{price}.25\t{{0,{key}}}\t{price + 2}.5\t{price - 1}.75\t{price + 1}"
            f"\t{{0,{key + 9}}}\t5.5\t10\t{price * 10}\t{price * 55}.5\n"
        )
    return out

"""What a trade, a candle and a day of logs take on disk.

``python -m bench.bench_disk [--rate 200] [--seconds 300]``. Starts a demo of its own, lets it run,
pauses trading, and asks Postgres for the size of table and indexes, and the journals for theirs. A
run has few candles, so their size is that of a thousand copies of them, each at another time.
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from bench.figures import figure
from bus.journal import path_of
from tests.e2e.stack import Stack

_COPIES = """
CREATE TABLE copied_candle (LIKE candle INCLUDING ALL) WITH (fillfactor = 80);
INSERT INTO copied_candle
SELECT exchange, symbol, interval_s, ts_open - copy * interval_s * interval '1 s', open, open_key,
       high, low, close, close_key, volume, n, sum_p, sum_pq, updated_at
FROM candle CROSS JOIN generate_series(999, 0, -1) AS copy
WHERE interval_s = 60
ORDER BY copy DESC, ts_open
ON CONFLICT DO NOTHING
"""


def measure(rate: int, seconds: float) -> None:
    """Run, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1").start()
        try:
            time.sleep(seconds)
            with stack.at_rest():
                report(stack, {"rate": rate, "seconds": seconds})
            stack.stop()
        finally:
            stack.remove()


def report(stack: Stack, parameters: dict[str, float]) -> None:
    """Print bytes per trade, candle and journal record, and of the logs per hour."""

    def say(impl: str, metric: str, value: float, unit: str = "B") -> None:
        figure("disk", impl, metric, value, unit, **parameters)

    trades = stack.stored()
    table, indexes = stack.rows("SELECT pg_table_size('trade'), pg_indexes_size('trade')")[0]
    say("postgres", "trades", trades, "1")
    say("postgres", "trade_table", table / trades)
    say("postgres", "trade_indexes", indexes / trades)
    for statement in _COPIES.split(";"):
        stack.change(statement)
    query = "SELECT count(*), pg_total_relation_size('copied_candle') FROM copied_candle"
    candles, size = stack.rows(query)[0]
    say("postgres", "candle", size / candles)
    stack.change("DROP TABLE copied_candle")
    say("postgres", "trade_seen", stack.rows("SELECT pg_total_relation_size('trade_seen')")[0][0])
    records = held = size = 0
    for exchange in stack.settings.feeds:
        path = path_of(stack.settings.journal_dir, exchange)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as journal:
            records += journal.execute("SELECT count(*) FROM record").fetchone()[0]
            size += journal.execute("PRAGMA page_count").fetchone()[0] * 4096
        held += sum(len(one.trades) for one in stack.journal(exchange) if hasattr(one, "trades"))
    say("journal", "trades_per_record", held / records, "1")
    say("journal", "trade", size / held)
    logs = sum(path.stat().st_size for path in (stack.settings.data_dir / "logs").iterdir())
    say("logs", "all", logs, "B")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0)
    chosen = parser.parse_args()
    measure(chosen.rate, chosen.seconds)

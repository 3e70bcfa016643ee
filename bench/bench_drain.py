"""How fast the persister takes a journal into an empty database, as after an outage of Postgres.

``python -m bench.bench_drain [--trades 200000] [--batch 50]``. The journal is written first, in
batches of so many trades (a feed makes some of 50 at 1,000 trades/s if it wakes 20 times a second,
and of one if each wakes it); then the persister's own actor reads it to its end, with an embedded
Postgres of its own. One JSON line: trades a second from the first read to the last commit.
"""

import argparse
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from bench.figures import figure
from bus.actor import instant
from bus.heartbeat import Health
from bus.journal import JournalWriter, path_of
from bus.log import Log
from bus.messages import Trade, TradeBatch, encode
from market import decimals
from procs.persister.__main__ import open_database
from procs.persister.persister import Persister
from procs.persister.pruning import Limits, Pruning
from store import pool
from tests.fix_postgres import Server

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD")
PER_S = 1_000
START = 1_723_075_200_000_000


def write(folder: Path, count: int, batch: int) -> None:
    """Journal so many trades of five symbols, a thousand a second."""
    writer = JournalWriter(path_of(folder, "coinbase"), cap_bytes=1 << 32, reserve_bytes=1 << 20)
    ids = dict.fromkeys(SYMBOLS, 1_000_000)
    for begin in range(0, count, batch):
        trades = []
        for number in range(begin, min(begin + batch, count)):
            symbol = SYMBOLS[number % len(SYMBOLS)]
            ids[symbol] += 1
            ts = START + number * 1_000_000 // PER_S
            price = Decimal(60_000 + number % 997) / 100
            trades.append(Trade(symbol, ids[symbol], ts, ts + 900, str(price), "0.0125", "buy"))
        seq = writer.last_seq + 1
        writer.append([encode(TradeBatch("coinbase", writer.epoch, seq, trades, {}))], START)
    writer.close()


def drain(folder: Path, dsn: str, count: int) -> float:
    """Return the seconds that it took to store them all."""

    def connect() -> pool.Connection:
        return pool.connect(dsn, program="pruning")

    def prune() -> Pruning:
        return Pruning(connect, Limits(1 << 31, 10_000, 30))

    health = Health("persister")
    open_database(dsn, "persister", simulated=False).close()  # the schema is there already
    persister = Persister(
        folder,
        lambda: open_database(dsn, "persister", simulated=False),
        health,
        Log("persister"),
        prune,
    )
    begin = time.monotonic()
    while health.counters["stored"] < count:
        persister.on_wake(instant())
        persister.on_tick(instant())
    took = time.monotonic() - begin
    persister.on_drain(instant())
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=50)
    chosen = parser.parse_args()
    count: int = chosen.trades
    decimals.install()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "journal").mkdir()
        write(folder / "journal", count, chosen.batch)
        server = Server(folder)
        try:
            server.wait()
            took = drain(folder / "journal", server.dsn(), count)
        finally:
            server.remove()
    figure(
        "drain", "tickwire", "stored", count / took, "trades/s", trades=count, batch=chosen.batch
    )


if __name__ == "__main__":
    main()

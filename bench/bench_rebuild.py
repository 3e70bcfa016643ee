"""How long a killed aggregator takes to know again what it knew, and what its self-check costs.

``python -m bench.bench_rebuild [--trades 1000000]``. Journals a day's trades of nine symbols, lets
a persister store them in a Postgres of its own, then starts aggregators, without their sockets: on
that database; on it with the last trades only in the journal; on one that is empty, so that all
comes from the journal.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.figures import figure
from bus.journal import JournalWriter, path_of
from bus.messages import Trade, TradeBatch, encode
from market import decimals
from procs.aggregator.selfcheck import CHECK_EVERY_US
from store import pool
from store.migrate import migrate
from tests.fix_postgres import Server
from tests.procs.living import Aggregating, Clock, Persisting
from tests.store.folding import START

SYMBOLS = [f"S{number}-USDT" for number in range(9)]
DAY_US = 86_400_000_000
BATCH = 250
TAIL = 20_000
"""What the feeds bring in a second, at most: what Postgres may lack when the aggregator ends."""
RUNS = 5


def batches(trades: int) -> Iterator[list[Trade]]:
    """Yield a day's trades."""
    chance = Random(1)
    for begin in range(0, trades, BATCH):
        made = []
        for number in range(begin, min(begin + BATCH, trades)):
            ts = START + DAY_US * number // trades
            price, size = f"{chance.randrange(10_000, 99_999)}.{number % 100:02}", "0.01500000"
            made.append(Trade(SYMBOLS[number % 9], number // 9, ts, ts, price, size, "buy"))
        yield made


def journal(folder: Path, bodies: list[list[Trade]]) -> None:
    """Append batches to the journal."""
    writer = JournalWriter(path_of(folder, "binance"), cap_bytes=1 << 40, reserve_bytes=1 << 20)
    for at in range(0, len(bodies), 100):
        part = [
            encode(TradeBatch("binance", writer.epoch, writer.last_seq + 1 + place, made, {}))
            for place, made in enumerate(bodies[at : at + 100])
        ]
        writer.append(part, START)
    writer.close()


def rebuilt(folder: Path, dsn: str) -> tuple[float, Aggregating]:
    """Start an aggregator; return the seconds until it has all, and the aggregator."""
    begin = time.perf_counter()
    one = Aggregating(folder, dsn, Clock())
    while one.health.state != "ready":
        one.loadings[-1].done.wait()
        one.live()
    one.live()
    return time.perf_counter() - begin, one


def say(metric: str, values: list[float], **parameters: object) -> None:
    """Print the best and the worst of some durations in seconds."""
    for name, value in (("best", min(values)), ("worst", max(values))):
        figure("rebuild", "aggregator", f"{metric}_{name}", value, "s", **parameters)


def check(one: Aggregating) -> float:
    """Let an aggregator compare all its candles; return the seconds that the reading took."""
    one.live(1, CHECK_EVERY_US)
    begin = time.perf_counter()
    one.readings[-1].done.wait()
    taken = time.perf_counter() - begin
    one.live(2)
    assert one.health.counters["self_check_differences"] == 0
    return taken


def measure(trades: int, folder: Path, server: Server) -> None:
    """Print all figures."""
    with pool.connect(server.dsn(), program="bench") as connection:
        migrate(connection, simulated=False)
        connection.execute("CREATE DATABASE empty TEMPLATE tickwire")
    everything = list(batches(trades))
    journal(folder, everything)
    taken, one = rebuilt(folder, server.dsn("empty"))
    say("all_from_journal", [taken], trades=trades)
    day = one.health.counters["trades"]
    storing = Persisting(folder, server.dsn(), Clock())
    begin = time.perf_counter()
    storing.live(3)
    say("persister_catches_up", [time.perf_counter() - begin], trades=trades)
    runs = [rebuilt(folder, server.dsn()) for _ in range(RUNS)]
    say("from_postgres", [taken for taken, _ in runs], trades=day)
    say("self_check_of_all", [check(one) for _, one in runs], candles=len(_candles(runs[0][1])))
    runs[0][1].live(3)
    say("self_check_of_a_minute", [check(runs[0][1])])
    storing.die()
    later = [
        Trade(trade.symbol, trade.trade_id + trades, trade.ts_event + DAY_US, START, "1", "1", None)
        for made in everything[: TAIL // BATCH]
        for trade in made
    ]
    journal(folder, [later[at : at + BATCH] for at in range(0, TAIL, BATCH)])
    runs = [rebuilt(folder, server.dsn()) for _ in range(RUNS)]
    say("from_postgres_and_journal", [taken for taken, _ in runs], trades=day, in_journal=TAIL)


def _candles(one: Aggregating) -> list[object]:
    return list(one.actor._memories["binance"].candles)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=1_000_000)
    arguments = parser.parse_args()
    decimals.install()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            server.wait()
            journals = Path(folder) / "journal"
            journals.mkdir()
            measure(arguments.trades, journals, server)
        finally:
            server.remove()


if __name__ == "__main__":
    main()

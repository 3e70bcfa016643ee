"""The whole pipeline under load: rate sustained, lag at the end, CPU per trade of each process.

``python -m bench.bench_pipeline [--rate 20000] [--seconds 120]``. Starts a whole demo of its own
(simulator, Postgres and web processes included), lets it run, pauses trading, and compares the rows
in Postgres with what the simulated exchanges executed.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from bench.figures import figure
from bus.messages import Heartbeat
from tests.e2e.stack import Mark, Stack
from tests.heartbeats import Heartbeats

WARM_UP_S = 5.0


def postgres_cpu_us(pid: int) -> int:
    """Return the CPU time of the database's processes, µs; its own and that of ended children."""
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(entry.name) == pid:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == pid:
            ticks += sum(map(int, fields[11:13]))
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def heard(heartbeats: Heartbeats, seconds: float) -> dict[str, Heartbeat]:
    """Listen for a while; return the last heartbeats."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = heartbeats.take()
        time.sleep(0.05)
    return dict(found)


def measure(rate: int, seconds: float) -> None:
    """Run, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1").start()
        try:
            with Heartbeats(stack.settings.run_dir) as heartbeats:
                before = heard(heartbeats, WARM_UP_S)
                database = postgres_cpu_us(stack.pid("postgres"))
                after = heard(heartbeats, seconds)
                database = postgres_cpu_us(stack.pid("postgres")) - database
                lag_us = after["persister"].lag_us or 0
                report(rate, before, after, database)
            parameters = {"rate": rate, "seconds": seconds}
            figure("pipeline", "tickwire", "lag_at_end", lag_us / 1000, "ms", **parameters)
            begin = time.monotonic()
            with stack.at_rest() as executed:
                drained = time.monotonic() - begin
                figure("pipeline", "tickwire", "at_rest_after", drained, "s", **parameters)
                figure("pipeline", "tickwire", "rows", stack.stored(), "1", **parameters)
                lost = missing(stack, executed)
                figure("pipeline", "tickwire", "rows_missing", lost, "1", **parameters)
            stack.stop()
        finally:
            stack.remove()


def missing(stack: Stack, executed: Mark) -> int:
    """Return how many trades are not in Postgres, of those since each symbol's first there."""
    total = 0
    for (exchange, symbol), last in executed.items():
        query = "SELECT min(trade_id), count(*) FROM trade WHERE exchange = %s AND symbol = %s"
        [(first, count)] = stack.rows(query, exchange, symbol)
        total += last - first + 1 - count
    return total


def report(
    rate: int, before: dict[str, Heartbeat], after: dict[str, Heartbeat], database_us: int
) -> None:
    """Print CPU per trade of each process, and what came through the sockets."""

    def grown(name: str, counter: str) -> float:
        return after[name].counters.get(counter, 0) - before[name].counters.get(counter, 0)

    elapsed = (after["persister"].ts - before["persister"].ts) / 1e6
    stored = grown("persister", "stored")
    figure("pipeline", "tickwire", "sustained", stored / elapsed, "trades/s", asked=rate)
    for name in sorted(after):
        if name not in before:
            continue
        seconds = (after[name].ts - before[name].ts) / 1e6
        trades = grown(name, "trades") if name.startswith("feed") else stored / elapsed * seconds
        cpu = after[name].cpu_us - before[name].cpu_us
        if trades:
            figure("pipeline", name, "cpu_per_trade", cpu / trades, "µs", rate=rate)
        figure("pipeline", name, "rss", after[name].rss_bytes / 1e6, "MB", rate=rate)
    figure("pipeline", "postgres", "cpu_per_trade", database_us / stored, "µs", rate=rate)
    for name in ("persister", "aggregator"):
        sockets, journal = grown(name, "from_socket"), grown(name, "from_journal")
        share = sockets / (sockets + journal) * 100
        figure("pipeline", name, "through_sockets", share, "%", rate=rate)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=120.0)
    chosen = parser.parse_args()
    measure(chosen.rate, chosen.seconds)

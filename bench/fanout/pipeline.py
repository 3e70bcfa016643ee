"""A whole installation under load: everybody's checks, and what all of it takes.

A demo at full rate; thousands of clients of the ``ticker`` channel, a few of ``trade``, all of them
followed frame by frame. Latency is from the flush (a frame's ``timestamp``, cut to the ms) to the
client. In the end trading is paused and every client's last values are compared with the server's.
"""

import tempfile
import time
from pathlib import Path

import msgspec

from bench import usage
from bench.fanout.measured import Measured, measured, report
from bench.fanout.web_processes import snapshot_of
from bench.figures import figure
from bench.load.commands import Open
from bench.load.dialects import FLUSHED_AT, subscription, tickwire
from bench.load.processes import Load
from tests.e2e.remains import processes_of
from tests.e2e.stack import Stack
from tests.eventually import eventually

TRADERS = 10
WARM_UP_S = 3.0
SETTLED_A_SECOND = 3000
"""Clients whose frames of the time when others still connected are read in a second."""
SAME_WITHIN_S = 15.0


def run(
    clients: int,
    rate: int,
    flush_ms: int,
    seconds: float,
    *,
    processes: int,
    everything: bool,
    load_processes: int = 2,
) -> Measured:
    """Measure one window, print it and what was wrong, and return it.

    With ``everything`` each client is sent all symbols, else one of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), RATE=str(rate), SEED="1", WEB_PROCESSES=str(processes)).start()
        try:
            found = under_load(stack, clients, flush_ms, seconds, everything, load_processes)
            stack.stop()
        finally:
            stack.remove()
    return found


def under_load(
    stack: Stack,
    clients: int,
    flush_ms: int,
    seconds: float,
    everything: bool,
    load_processes: int,
) -> Measured:
    """Measure one window of a running installation."""
    names = [f"{exchange}:{one}" for exchange, all_ in stack.settings.feeds.items() for one in all_]
    wanted: list[list[str] | str] = ["*"] if everything else [[name] for name in names]
    wish = Open(
        port=stack.settings.port,
        count=clients,
        dialect=tickwire(FLUSHED_AT),
        subscriptions=[[subscription(each, rate_ms=flush_ms)] for each in wanted],
        checked=True,
        sweep_s=max(0.5, 2 * flush_ms / 1000),
        within_s=300,
    )
    trading = msgspec.structs.replace(
        wish,
        count=TRADERS,
        subscriptions=[[subscription("*", channel="trade")]],
        sampled_every=1,
    )
    serving = {pid for name, pid in stack.pids().items() if name.startswith("web-")}
    before = usage.rss(serving)
    place = load_processes
    with Load(wish, load_processes) as load, Load(trading, 1, place=64 + place) as traders:
        opened = load.open()
        traders.open()
        time.sleep(WARM_UP_S + clients / SETTLED_A_SECOND)
        load.begin()
        traders.begin()
        begun, began = usage.cpu_s(serving), time.monotonic()
        time.sleep(seconds)
        taken, elapsed = usage.cpu_s(serving) - begun, time.monotonic() - began
        rss = usage.rss(serving)
        everywhere = usage.rss(pid for pid, _ in processes_of(stack.settings.data_dir))
        tally, live = load.count()
        traded, _ = traders.count()
        different = same_in_the_end(stack, load)
        found = measured(
            tally, clients=clients, seconds=elapsed, cpu_s=taken, rss=rss, rss_before=before
        )
    report("pipeline", "tickwire", found, flush_ms=flush_ms, everything=everything)
    for metric, value, unit in (
        ("connected", opened.seconds, "s"),
        ("lost_clients", clients - live, "clients"),
        ("rss_of_all_processes", everywhere, "bytes"),
        ("violations", tally.violations, "frames"),
        ("trades_followed", traded.frames, "frames"),
        ("trade_violations", traded.violations, "frames"),
        ("different_in_the_end", different, "clients"),
    ):
        figure("fanout", "tickwire", metric, value, unit, mode="pipeline", clients=clients)
    for sentence in [*tally.sentences, *traded.sentences]:
        print(sentence, flush=True)
    return found


def same_in_the_end(stack: Stack, load: Load) -> int:
    """Pause trading; return how many clients have not got the server's last values in time."""
    with stack.at_rest(within=60):
        try:
            eventually(
                lambda: load.compare(snapshot_of(stack.ws_url)).different == 0,
                within=SAME_WITHIN_S,
            )
        except AssertionError:
            compared = load.compare(snapshot_of(stack.ws_url))
            for sentence in compared.sentences:
                print(sentence, flush=True)
            return compared.different
    return 0

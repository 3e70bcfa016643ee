"""Thousands of clients that have stopped reading, beside a hundred that read.

First the healthy ones alone, then with the others: connected, subscribed to everything, and from
then on deaf, with small receive buffers so that the server notices soon. Told are the latency of
the healthy ones in both windows, the most memory the web processes ever held, how much more the
kernel holds in socket buffers at the end, and how many of the stalled ones were cut.
"""

import tempfile
import time
from pathlib import Path

import msgspec

from bench import usage
from bench.fanout.measured import Measured, measured, report
from bench.fanout.web_processes import WebProcesses, symbols
from bench.figures import figure
from bench.load.commands import Open
from bench.load.dialects import subscription, tickwire
from bench.load.processes import Load

HEALTHY = 100
SYMBOLS = 9
RECEIVE_BYTES = 4096
RATE_MS = 50
"""Shorter than the pause between two changes, so that none waits for the one before."""
WARM_UP_S = 2.0


def run(clients: int, rate: float, seconds: float, processes: int) -> None:
    """Measure and print."""
    wish = Open(
        port=0,
        count=HEALTHY,
        dialect=tickwire(),
        subscriptions=[[subscription("*", rate_ms=RATE_MS)]],
        sampled_every=1,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        WebProcesses(Path(folder), processes, symbols(SYMBOLS)) as web,
    ):
        wish.port = web.port
        deaf = msgspec.structs.replace(
            wish, count=clients, sampled_every=1 << 30, receive_bytes=RECEIVE_BYTES
        )
        with Load(wish) as healthy:
            healthy.open()
            web.steady(rate, WARM_UP_S)
            alone = window(web, healthy, rate, seconds)
            report("stalled", "tickwire", alone, beside=0, rate=rate)
            with Load(deaf, 2, place=1) as stalled:
                stalled.open()
                stalled.begin()
                stalled.stall()
                held = usage.tcp_memory()
                beside = window(web, healthy, rate, seconds)
                held = usage.tcp_memory() - held
                _, live = stalled.count()
                report("stalled", "tickwire", beside, beside=clients, rate=rate)
                for metric, value, unit in (
                    ("p99_ratio", beside.latency_ms[2] / alone.latency_ms[2], "1"),
                    ("peak_rss", usage.peak_rss(web.pids), "bytes"),
                    ("tcp_memory", held, "bytes"),
                    ("cut", clients - live, "clients"),
                ):
                    figure(
                        "fanout", "tickwire", metric, value, unit, mode="stalled", beside=clients
                    )


def window(web: WebProcesses, healthy: Load, rate: float, seconds: float) -> Measured:
    """Return what the healthy ones see; fail when one of them is lost."""
    healthy.begin()
    begun, began = usage.cpu_s(web.pids), time.monotonic()
    web.steady(rate, seconds)
    taken, elapsed = usage.cpu_s(web.pids) - begun, time.monotonic() - began
    tally, live = healthy.count()
    if live != HEALTHY:
        raise SystemExit(f"{HEALTHY - live} healthy clients were lost: {tally.closed}")
    return measured(tally, clients=HEALTHY, seconds=elapsed, cpu_s=taken, rss=usage.rss(web.pids))

"""Web processes alone, all clients in one room or each with symbols of its own.

Nothing is measured but the fan-out: the source publishes a change of every symbol some times a
second, and each client is sent it. In the one room that is a ``price_update`` of one symbol; else
a client names 1 to 10 of many symbols at random and is sent a ``batch_update``.
"""

import tempfile
import time
from pathlib import Path
from random import Random

from bench import usage
from bench.fanout.measured import Measured, measured
from bench.fanout.web_processes import EXCHANGE, WebProcesses, symbols
from bench.load.commands import Open
from bench.load.dialects import subscription, tickwire
from bench.load.processes import Load
from bench.load.tally import Tally

WARM_UP_S = 1.0
SETTLE_S = 0.5
LATE_MAX_S = 10.0
"""What is under way after the last change counts, and the CPU it takes; but not for longer."""
OWN_MAX = 10


def wishes(clients: int, count: int, rate_ms: int, *, everything: bool = False) -> list[list[str]]:
    """Return what each client subscribes to; one entry when all want the same."""
    names = [f"{EXCHANGE}:{name}" for name in symbols(count)]
    if count == 1 or everything:
        return [[subscription(names, rate_ms=rate_ms)]]
    chance = Random(1)
    return [
        [subscription(chance.sample(names, chance.randint(1, OWN_MAX)), rate_ms=rate_ms)]
        for _ in range(clients)
    ]


def settled(load: Load) -> Tally:
    """Return what was counted, once nothing more comes."""
    until = time.monotonic() + LATE_MAX_S
    before, frames = -1, 0
    while frames != before and time.monotonic() < until:
        time.sleep(SETTLE_S)
        tally, _ = load.count()
        before, frames = frames, tally.frames
    return tally


def run(
    clients: int,
    rate: float,
    seconds: float,
    *,
    processes: int = 1,
    load_processes: int = 2,
    count: int = 1,
    sampled_every: int = 16,
    everything: bool = False,
    checked: bool = False,
    compressed: bool = False,
) -> Measured:
    """Measure one window with so many clients, symbols (``count``) and web processes.

    Raises:
        SystemExit: with ``checked``, a client has seen what it should not have.
    """
    rate_ms = max(50, int(500 / rate))
    wish = Open(
        port=0,
        count=clients,
        dialect=tickwire(),
        subscriptions=wishes(clients, count, rate_ms, everything=everything),
        sampled_every=sampled_every,
        sweep_s=max(0.5, 2 / rate),
        checked=checked,
        compressed=compressed,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        WebProcesses(Path(folder), processes, symbols(count)) as web,
    ):
        before = usage.rss(web.pids)
        wish.port = web.port
        with Load(wish, load_processes) as load:
            load.open()
            web.steady(rate, WARM_UP_S)
            time.sleep(SETTLE_S)
            load.begin()
            pids = web.pids
            begun, began = usage.cpu_s(pids), time.monotonic()
            times = web.steady(rate, seconds)
            elapsed = time.monotonic() - began
            tally = settled(load)
            taken = usage.cpu_s(pids) - begun
            found = measured(
                tally,
                clients=clients,
                seconds=elapsed,
                cpu_s=taken,
                rss=usage.rss(pids),
                rss_before=before,
                expected=times * clients if count == 1 else None,
            )
            if checked:
                compared = load.compare(web.snapshot())
                if tally.violations or compared.different:
                    raise SystemExit(f"wrong: {tally.sentences or compared.sentences}")
    return found

"""One change of a quiet symbol: how long from the bus to a client (the leading edge).

Each change comes after a pause longer than any client's rate, at a chance moment; all clients
subscribe to the symbol. The latency begins when the source hands the change to its socket.
"""

import tempfile
import time
from pathlib import Path
from random import Random

from bench import usage
from bench.fanout.measured import measured, report
from bench.fanout.web_processes import EXCHANGE, WebProcesses, symbols
from bench.load.commands import Open
from bench.load.dialects import subscription, tickwire
from bench.load.processes import Load

PAUSE_S = (0.25, 0.6)


def run(clients: int, seconds: float, processes: int) -> None:
    """Measure and print."""
    [name] = symbols(1)
    chance = Random(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        WebProcesses(Path(folder), processes, [name]) as web,
    ):
        wish = Open(
            port=web.port,
            count=clients,
            dialect=tickwire(),
            subscriptions=[[subscription([f"{EXCHANGE}:{name}"])]],
            sampled_every=1,
        )
        with Load(wish) as load:
            load.open()
            web.publish()
            time.sleep(PAUSE_S[0])
            load.begin()
            begun, began = usage.cpu_s(web.pids), time.monotonic()
            changes = 0
            while time.monotonic() < began + seconds:
                time.sleep(chance.uniform(*PAUSE_S))
                web.publish()
                changes += 1
            time.sleep(PAUSE_S[0])
            tally, _ = load.count()
            found = measured(
                tally,
                clients=clients,
                seconds=time.monotonic() - began,
                cpu_s=usage.cpu_s(web.pids) - begun,
                rss=usage.rss(web.pids),
                expected=changes * clients,
            )
    report("idle", "tickwire", found, changes=changes)

"""The race: ``python -m bench.peers [--clients 4000] [--rate 10] [--bytes 240] [--runs 5]``.

All take turns (A B C, A B C, …), so that what the machine's host does meanwhile is everybody's. The
same load processes read from all of them. CPU is user and system time of a server's processes in
the window alone; what a peer's own clock costs is in it, what publishes to tickwire and to nchan is
another process and is not.
"""

import argparse
import sys
import time

from bench import usage
from bench.fanout.measured import Measured, measured, report
from bench.load.commands import Open
from bench.load.processes import Load as Clients
from bench.peers.entrants import Entrant, Load, entrants
from bench.peers.table import FLOOR, table

WARM_UP_S = 1.0
HEAD_BYTES = 4


def once(entrant: Entrant, load: Load, seconds: float, load_processes: int) -> Measured:
    """Return what one of them does in one window."""
    with entrant.start(load) as running:
        before = usage.rss(usage.tree(running.pids))
        wish = Open(
            port=running.port,
            count=load.clients,
            dialect=entrant.dialect,
            subscriptions=[list(entrant.says)] if entrant.says else [],
        )
        with Clients(wish, load_processes) as clients:
            clients.open()
            running.spend(WARM_UP_S)
            clients.begin()
            pids = usage.tree(running.pids)
            begun, began = usage.cpu_s(pids), time.monotonic()
            running.spend(seconds)
            taken, elapsed = usage.cpu_s(pids) - begun, time.monotonic() - began
            tally, live = clients.count()
            if live != load.clients:
                raise SystemExit(f"{entrant.name} lost {load.clients - live} clients")
            return measured(
                tally,
                clients=load.clients,
                seconds=elapsed,
                cpu_s=taken,
                rss=usage.rss(pids),
                rss_before=before,
            )


def main() -> None:
    """Run the race and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--bytes", type=int, default=240, help="of a frame")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--load", type=int, default=2, help="load processes")
    parser.add_argument("--only", help="names, with commas between them; the raw loop always runs")
    chosen = parser.parse_args()
    load = Load(chosen.clients, chosen.rate, chosen.bytes - HEAD_BYTES)
    wanted = None if chosen.only is None else {FLOOR, *chosen.only.split(",")}
    taking_part = []
    for each in entrants():
        if wanted is not None and each.name not in wanted:
            continue
        if each.missing:
            print(f"bench-peers: without {each.name}: {each.missing}", file=sys.stderr)
        else:
            taking_part.append(each)
    runs: dict[str, list[Measured]] = {each.name: [] for each in taking_part}
    for number in range(chosen.runs):
        for each in taking_part:
            print(f"bench-peers: round {number + 1}: {each.name}", file=sys.stderr)
            found = once(each, load, chosen.seconds, chosen.load)
            runs[each.name].append(found)
            report("peers", each.name, found, rate=chosen.rate, run=number)
    print(table(runs, {each.name: each.shown for each in taking_part}, chosen.rate))


if __name__ == "__main__":
    main()

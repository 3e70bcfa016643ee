"""What it costs to tell thousands of clients, and how soon they know.

``python -m bench.bench_fanout [--mode bare] [--clients 4000] [--rate 10]``. Modes:

* ``bare``: web processes alone, one room, a mix of some of 100 with ``--symbols 100``;
* ``pipeline``: a whole demo, every client's frames followed and its last values compared;
* ``stalled``: clients that have stopped reading beside 100 that read;
* ``storm``: the web processes are killed and everybody comes back;
* ``idle``: a single change of a quiet symbol.

The load is processes of this machine (``bench/load``) that connect from 127.0.x.y; what they take
of it is told too. CPU is user and system time of the web processes in the window alone.
"""

import argparse

from bench.fanout import bare, idle, pipeline, stalled, storm
from bench.fanout.measured import median, report

SECONDS = {"stalled": 45.0}
"""Long enough for the server to find out: its buffers must fill, and 15 s pass."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    modes = ("bare", "pipeline", "stalled", "storm", "idle")
    parser.add_argument("--mode", choices=modes, default="bare")
    parser.add_argument("--clients", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=10.0, help="changes or flushes a second")
    parser.add_argument("--seconds", type=float, help="of one window: 10, with stalled clients 45")
    parser.add_argument("--runs", type=int, default=5, help="the median is told; bare only")
    parser.add_argument("--web", type=int, default=1, help="web processes")
    parser.add_argument("--load", type=int, default=2, help="load processes")
    parser.add_argument("--symbols", type=int, default=1, help="bare: 1, or many to choose from")
    parser.add_argument("--everything", action="store_true", help="all symbols each")
    parser.add_argument("--trades", type=int, default=1000, help="a second, in a whole demo")
    parser.add_argument("--checked", action="store_true", help="bare: follow every frame too")
    parser.add_argument("--compressed", action="store_true", help="bare: as browsers ask for it")
    parser.add_argument("--every", type=int, default=16, help="bare: time one client of so many")
    chosen = parser.parse_args()
    chosen.seconds = chosen.seconds or SECONDS.get(chosen.mode, 10.0)
    if chosen.mode == "bare":
        runs = [
            bare.run(
                chosen.clients,
                chosen.rate,
                chosen.seconds,
                processes=chosen.web,
                load_processes=chosen.load,
                count=chosen.symbols,
                sampled_every=chosen.every,
                everything=chosen.everything,
                checked=chosen.checked,
                compressed=chosen.compressed,
            )
            for _ in range(chosen.runs)
        ]
        report("bare", "tickwire", median(runs), symbols=chosen.symbols, rate=chosen.rate)
    elif chosen.mode == "pipeline":
        pipeline.run(
            chosen.clients,
            chosen.trades,
            int(1000 / chosen.rate),
            chosen.seconds,
            processes=chosen.web,
            everything=chosen.everything,
            load_processes=chosen.load,
        )
    elif chosen.mode == "stalled":
        stalled.run(chosen.clients, chosen.rate, chosen.seconds, chosen.web)
    elif chosen.mode == "storm":
        storm.run(chosen.clients, chosen.trades, 10.0, chosen.web)
    else:
        idle.run(chosen.clients, chosen.seconds, chosen.web)


if __name__ == "__main__":
    main()

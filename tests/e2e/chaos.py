"""Chaos: a whole installation that is hurt by a seed, and must have everything all the same.

``python -m tests.e2e.chaos --seeds 1,2,3 --seconds 60 [--rate 2000]`` (``make chaos``). In rounds:
the faults of ``nemesis``, done by ``harm``; then everything is healed, comes to rest and is looked
at by ``audit``: each trade once, each candle and average exact, no gap open, the live values those
of Postgres, and a client of ``/ws`` told of whatever it missed. The same seed makes the same faults
in the same order. A failure names its seed and what was done. What the runs of one folder show adds
up in ``chaos.json`` there. Clocks are set only in ``tests/sim``: here they are the machine's.
"""

import argparse
import shutil
import signal
import sys
from pathlib import Path

from bus.settings import ROOT
from tests.e2e import tally as tallies
from tests.e2e.chaos_run import Chaos, Wish

SEEDS = Path(__file__).with_name("seeds.txt")
"""Those that once found something: they go first."""


def corpus() -> list[Wish]:
    """Return the runs that once found something: ``seed seconds rate every_s round_s # what``."""
    found = []
    for line in SEEDS.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].split()
        if text:
            seed, seconds, rate, every_s, round_s = text
            found.append(Wish(int(seed), float(seconds), int(rate), float(every_s), float(round_s)))
    return found


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.chaos", description=__doc__)
    parser.add_argument("--seeds", default="1,2,3", help="comma separated; each is a run")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run")
    parser.add_argument("--rate", type=int, default=2000, help="trades a second")
    parser.add_argument("--every", type=float, default=1.3, help="mean s from fault to fault")
    parser.add_argument("--round", type=float, default=60.0, help="s between two looks")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "chaos")
    parser.add_argument("--no-corpus", action="store_true", help="leave out the known seeds")
    chosen = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):  # what was mounted and started is to go, too
        signal.signal(number, lambda *_: sys.exit(1))
    wishes = [] if chosen.no_corpus else corpus()
    wishes += [
        Wish(int(seed), chosen.seconds, chosen.rate, chosen.every, chosen.round)
        for seed in chosen.seeds.split(",")
    ]
    path = chosen.out / "chaos.json"
    for wish in wishes:
        tally = tallies.load(path)
        folder = chosen.out / f"seed-{wish.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        print(f"seed {wish.seed}: {wish.seconds:g} s at {wish.rate} trades/s", flush=True)
        try:
            with Chaos(wish, folder, tally) as chaos:
                chaos.run()
                chaos.stack.stop()
        except AssertionError as failure:
            print(failure, file=sys.stderr, flush=True)
            return 1
        tallies.save(path, tally)
        shutil.rmtree(folder)
    print(tallies.report(tally))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Chaos: a whole installation that is hurt by a seed, and must have everything all the same.

``python -m tests.e2e.chaos --seeds 1,2,3 --seconds 60 [--rate 2000]`` (``make chaos``). In rounds:
the faults of ``nemesis``, done by ``harm``; then everything is healed, comes to rest and is looked
at by ``audit``: each trade once, each candle and average exact, no gap open, the live values those
of Postgres, and a client of ``/ws`` told of whatever it missed. The same seed makes the same faults
in the same order. A failure names its seed and what was done. What the rounds of one folder show
adds up in ``chaos.json`` there: a call goes on where an earlier one ended, and does no round again
that has ended well. Clocks are set only in ``tests/sim``: here they are the machine's.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from bus.settings import ROOT
from tests.e2e import tally as tallies
from tests.e2e.chaos_run import EVIDENCE, Chaos
from tests.e2e.rounds import Round, Wish, rounds
from tests.e2e.tally import Book, Failure, Tally

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
    try:
        book = campaign(wishes, chosen.out)
    except AssertionError as failure:
        print(failure, file=sys.stderr, flush=True)
        return 1
    print(tallies.report(book))
    return 0


class Run(Protocol):
    """What does the rounds of one seed: ``Chaos``."""

    def round(self, one: Round, *, last: bool) -> Tally:
        """Do one round; after the last one look at everything once more."""

    def stop(self) -> None:
        """End it; fail unless that is clean."""


Begin = Callable[[Wish, Path], AbstractContextManager[Run]]


def campaign(wishes: Iterable[Wish], out: Path, begin: Begin = Chaos) -> Book:
    """Do the rounds that have not ended well yet; return all that the folder knows.

    Each is written down as soon as it has ended, well or not. One that is interrupted is not.

    Args:
        wishes: the runs.
        out: holds ``chaos.json``, and what is left of each failure.
        begin: makes a run, on a folder of its own.

    Raises:
        AssertionError: something is not exact.
    """
    path = out / "chaos.json"
    book = tallies.load(path)
    before = len(book.rounds)
    for wish in wishes:
        every = rounds(wish)
        todo = [one for one in every if str(one) not in book.rounds]
        known = f"; done before: {len(every) - len(todo)}" if len(todo) < len(every) else ""
        print(
            f"seed {wish.seed}: {wish.seconds:g} s at {wish.rate} trades/s,"
            f" rounds: {len(todo)}{known}",
            flush=True,
        )
        if todo:
            _do(wish, todo, out, book, begin)
    if len(book.rounds) == before:
        print(f"nothing was left to do: without {path} all is done again", flush=True)
    return book


def _do(wish: Wish, todo: list[Round], out: Path, book: Book, begin: Begin) -> None:
    folder = out / f"seed-{wish.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    one = todo[0]
    try:
        with begin(wish, folder) as run:
            for one in todo:
                last = one == todo[-1]
                found = run.round(one, last=last)
                if last:
                    run.stop()
                book.rounds[str(one)] = found
                tallies.save(out / "chaos.json", book)
    except Exception as failure:
        (what, *_) = str(failure).splitlines() or [repr(failure)]
        book.failed.append(Failure(str(one), what))
        tallies.save(out / "chaos.json", book)
        if (folder / EVIDENCE).is_dir():
            kept = out / f"failure-{len(book.failed)}"
            shutil.rmtree(kept, ignore_errors=True)
            (folder / EVIDENCE).rename(kept)
            print(f"what explains it: {kept}", file=sys.stderr, flush=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

"""What runs: one program for every folder of ``procs/``, found by looking.

Comes in: the project's folder and the settings. Goes out: the programs, in the order in which they
start; supervisord stops them the other way round, so that what reads outlives what writes to it.
A new process is a new folder with a ``__main__.py``; a new exchange is a new file. It never starts
anything and imports none of what it finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.settings import Settings

RANKS = {
    "postgres": 10,
    "simulator": 20,
    "persister": 30,
    "aggregator": 40,
    "backfiller": 45,
    "feed": 50,
    "tap": 60,
    "web": 70,
    "watchdog": 90,
}
"""Start order, by folder. The watchdog stops first, so that it judges nobody who drains."""
RANK_OF_OTHERS = 55


@dataclass(frozen=True)
class Program:
    """One program of supervisord, one line of the Procfile, one log file."""

    name: str
    arguments: tuple[str, ...]
    """What follows ``python``."""
    rank: int
    stop_signal: str = "TERM"
    stop_wait_s: int = 8
    stop_as_group: bool = True
    copies: int = 0
    """How many share one listening socket, the holder of that socket included; 0: no socket."""


def exchanges(root: Path) -> list[str]:
    """Return the names of the exchanges that there is a file for."""
    return _modules(root / "procs" / "feed" / "exchanges")


def programs(root: Path, settings: Settings, simulator: Sequence[str] = ()) -> list[Program]:
    """Return the programs of this installation; ``simulator`` goes on that program's line."""
    found = []
    for folder in sorted(path.parent.name for path in (root / "procs").glob("*/__main__.py")):
        rank = RANKS.get(folder, RANK_OF_OTHERS)
        module = ("-m", f"procs.{folder}")
        if folder == "feed":
            found += [Program(f"feed-{name}", (*module, name), rank) for name in exchanges(root)]
        elif folder == "postgres":
            if settings.database_url is None:
                # SIGINT is its fast shutdown, and it tells its own children.
                found.append(Program(folder, module, rank, "INT", 20, stop_as_group=False))
        elif folder == "simulator":
            if settings.simulated:
                found.append(Program(folder, (*module, *simulator), rank))
        else:
            found.append(Program(folder, module, rank))
    if (root / "web" / "__main__.py").exists():
        # One more than there are web processes: slot 0 holds the socket while others restart.
        found.append(Program("web", ("-m", "web"), RANKS["web"], copies=settings.web_processes + 1))
    return sorted(found, key=lambda program: (program.rank, program.name))


def _modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))

"""What goes wrong, when and to whom, as a function of one seed.

Comes in: a seed, the names of programs and exchanges, how long and how often. Goes out: a list of
faults, the same for the same input. Pure: ``harm`` does them. How exactly their times are kept is
the machine's affair.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing that goes wrong."""

    at_s: float
    """Seconds after the round began."""
    kind: str
    target: str
    """A program, an exchange, or nothing."""
    length_s: float
    """After so long it is healed; 0: it heals by itself."""
    amount: float
    """How much of it, in the unit of its kind."""

    def __str__(self) -> str:
        """Return it as one line of the fault log."""
        length = f" for {self.length_s:.2f} s" if self.length_s else ""
        amount = f" ({self.amount:g})" if self.amount else ""
        return f"{self.at_s:8.2f} s  {self.kind} {self.target}{amount}{length}"


class Kind(NamedTuple):
    """How often a kind of fault is drawn, and what is drawn with it."""

    weight: float
    target: str
    """``program``, ``exchange`` or nothing."""
    length_s: tuple[float, float] = (0.0, 0.0)
    amount: tuple[float, float] = (0.0, 0.0)


KINDS: dict[str, Kind] = {
    # Processes. A watchdog that looks on lets a stop of 10 s pass, and ends the hung.
    "kill -9": Kind(36, "program"),
    "SIGTERM": Kind(9, "program"),
    "SIGSTOP": Kind(10, "program", (0.5, 10.0)),
    "hung": Kind(0.5, "program"),
    "supervisord stopped": Kind(1, "", (0.5, 5.0)),
    "kill -9 of supervisord": Kind(0.25, ""),
    "SIGTERM of supervisord": Kind(0.25, ""),
    "kill -9 of the launcher": Kind(0.3, ""),
    "kill -9 of all": Kind(0.5, ""),
    # The database.
    "postmaster killed": Kind(3, ""),
    "postgres stopped": Kind(1, "", (1.0, 6.0)),
    "postgres read-only": Kind(2, "", (1.0, 5.0)),
    "postgres slow": Kind(2, "", (1.0, 5.0), (0.2, 2.0)),
    # The disk, where root can mount one: of all that there is, and of the journals alone.
    "disk full": Kind(0.7, "", (1.0, 5.0)),
    "journal disk full": Kind(1.3, "", (1.0, 5.0)),
    # The way between a feed and its exchange.
    "cut": Kind(6, "exchange"),
    "cut in mid-frame": Kind(6, "exchange", (0.0, 0.0), (1, 4000)),
    "half-open": Kind(2, "exchange", (1.0, 12.0)),
    "refused": Kind(2, "exchange", (0.5, 4.0)),
    "late": Kind(2, "exchange", (1.0, 5.0), (0.01, 0.5)),
    "narrow": Kind(2, "exchange", (1.0, 5.0), (20_000, 400_000)),
    "sliced": Kind(2, "exchange", (1.0, 5.0)),
    # What exchanges do, all of them at once, by the simulator's own faults.
    "holes": Kind(3, "", (1.0, 5.0), (0.01, 0.17)),
    "doubles": Kind(2, "", (1.0, 5.0), (0.05, 1.0)),
    "disorder": Kind(2, "", (1.0, 5.0), (5, 200)),
    "garbage": Kind(2, "", (1.0, 5.0), (0.001, 0.01)),
    "too long": Kind(1, "", (1.0, 5.0), (0.00002, 0.0002)),
    "half a frame": Kind(2, "", (1.0, 5.0), (0.0001, 0.001)),
    "REST fails": Kind(2, "", (1.0, 5.0), (0.1, 1.0)),
}
DISKS = {"disk full", "journal disk full"}
WHOLE = {
    "kill -9 of supervisord",
    "SIGTERM of supervisord",
    "kill -9 of the launcher",
    "kill -9 of all",
}
"""After these everything has to be started again, as an operator does."""
DATABASE_USERS = ("persister", "aggregator")
"""They do not call themselves ready without Postgres."""
HINDERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*DISKS, "supervisord stopped"), ("",)),
    **dict.fromkeys(("postgres stopped", "postgres read-only", "postgres slow"), DATABASE_USERS),
}
"""Whom a fault keeps from working as long as it lasts; "": everybody."""
NEVER_HUNG = ("watchdog", "postgres", "simulator", "web-0")
"""Nobody watches the watchdog; Postgres says no heartbeat; the others' silence would be ours."""


def plan(
    seed: int,
    programs: Sequence[str],
    exchanges: Sequence[str],
    *,
    seconds: float,
    every_s: float,
    without: Callable[[str], bool] = lambda kind: False,
) -> list[Fault]:
    """Return the faults of one round, in order of time.

    Args:
        seed: decides everything.
        programs: names of those that may be hurt.
        exchanges: and of exchanges.
        seconds: how long the round is.
        every_s: the mean time from one fault to the next.
        without: says which kinds cannot be done here.
    """
    chance = Random(seed)
    kinds = [name for name in KINDS if not without(name)]
    weights = [KINDS[name].weight for name in kinds]
    found = []
    at_s = 0.0
    while (at_s := at_s + chance.uniform(0.5, 1.5) * every_s) < seconds:
        (name,) = chance.choices(kinds, weights)
        kind = KINDS[name]
        targets = {"program": programs, "exchange": exchanges, "": ("",)}[kind.target]
        if name == "hung":
            targets = [one for one in targets if one not in NEVER_HUNG]
        target = chance.choice(targets)
        length_s, amount = chance.uniform(*kind.length_s), chance.uniform(*kind.amount)
        found.append(Fault(round(at_s, 2), name, target, round(length_s, 2), round(amount, 5)))
    return found

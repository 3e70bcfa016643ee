"""What a call of chaos is to do: runs, each of a seed on an installation of its own, in rounds.

Comes in: what was asked for. Goes out: the rounds, by names that the book keeps them under. Pure.
"""

from typing import NamedTuple


class Wish(NamedTuple):
    """What is to be run."""

    seed: int
    seconds: float
    rate: int
    every_s: float
    round_s: float
    whole: bool = True
    """Supervisord and everything may be killed, too."""
    disks: bool = True
    """Disks are filled, where root can mount them."""
    self_checked: bool = True
    """The aggregator's own look at itself is waited for, which takes up to two minutes."""


class Round(NamedTuple):
    """One of a run's rounds. All that is here decides which faults come."""

    seed: int
    number: int
    """From 1 on."""
    seconds: float
    rate: int
    every_s: float

    def __str__(self) -> str:
        """Return its name in the book: two that do the same have the same."""
        return (
            f"seed {self.seed}, round {self.number} of {self.seconds:g} s at {self.rate} trades/s,"
            f" a fault every {self.every_s:g} s"
        )


def rounds(wish: Wish) -> list[Round]:
    """Return the rounds of a run."""
    found: list[Round] = []
    while (begun_s := len(found) * wish.round_s) < wish.seconds:
        seconds = min(wish.round_s, wish.seconds - begun_s)
        found.append(Round(wish.seed, len(found) + 1, seconds, wish.rate, wish.every_s))
    return found

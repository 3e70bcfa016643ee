"""Whether a process takes more and more memory, by what it took whenever everything was at rest.

Comes in: samples of each process, with its age. Goes out: by how much each one rose, and for how
long it was watched. Pure. A process that was killed begins anew: of a run that kills each program
every minute this says little, and the time for which one was watched says so.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

WARM_S = 60.0
"""Younger processes fill their caches."""
RISE_MIB_MAX = 16.0
"""More than the web's rings of the newest records take where a low rate fills them for minutes."""
SAMPLES_MIN = 3
"""Of a warm process: from fewer no jump can be left out."""


class Sample(NamedTuple):
    """What one process took."""

    age_s: float
    mib: float


def warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return those of a process that is no longer young."""
    return [one for one in samples if one.age_s >= WARM_S]


def rise_mib(samples: Sequence[Sample]) -> float | None:
    """Return how much a warm process has risen but for its greatest jump; None: too few samples.

    A backlog that was in memory once leaves one jump, as what was free is not given back. A leak
    rises from each sample to the next.
    """
    found = warm(samples)
    if len(found) < SAMPLES_MIN:
        return None
    steps = [after.mib - before.mib for before, after in pairwise(found)]
    return sum(steps) - max(0.0, *steps)


class Growth:
    """What the processes of an installation took, look by look."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, int], list[Sample]] = {}

    def take(self, program: str, pid: int, sample: Sample) -> None:
        """Take a sample of one process, which is older than in the one before."""
        self._samples.setdefault((program, pid), []).append(sample)

    def rises(self) -> dict[str, tuple[float, float]]:
        """Return of each program by how many MiB a process rose most, and s that one was watched.

        Programs of which no process could be judged are left out.
        """
        found: dict[str, tuple[float, float]] = {}
        for (program, _), samples in self._samples.items():
            rise = rise_mib(samples)
            if rise is not None:
                most, longest = found.get(program, (rise, 0.0))
                watched = samples[-1].age_s - warm(samples)[0].age_s
                found[program] = max(most, rise), max(longest, watched)
        return found

    def assert_none(self) -> None:
        """Fail with the programs that take more and more."""
        risen = {name: mib for name, (mib, _) in self.rises().items() if mib > RISE_MIB_MAX}
        told = {
            f"{name} {pid}": [f"{one.age_s:.0f} s {one.mib:.0f} MiB" for one in samples]
            for (name, pid), samples in self._samples.items()
            if name in risen
        }
        assert risen == {}, f"more and more memory: {told}"

"""Whose turn it is: the cohorts for which something is due, first come first served.

In come cohorts with something to be sent and lanes whose pace lets them go later; out come cohorts,
each once for all that is due for it by then. Who has had its turn goes to the end, so that nobody
starves however much there is to send. Pure: time is an argument.
"""

from collections import deque
from collections.abc import Iterator

from bus.actor import Instant
from web.cohort import Cohort
from web.lanes import Lane

GRAIN_US = 10_000
"""What may go at nearly the same time goes at the same time, and is made once for all."""


class Turns:
    """Those of one web process."""

    def __init__(self) -> None:
        self._due: deque[Cohort] = deque()
        self._waiting: dict[int, deque[Lane]] = {}
        """Lanes that may go again at their time, by their rate; of one rate in order."""

    def __len__(self) -> int:
        """Return how many cohorts are due, and at how many rates some lane waits."""
        return len(self._due) + len(self._waiting)

    def add(self, cohort: Cohort) -> None:
        """Something is due for a cohort, which is not yet ``queued``."""
        cohort.queued = True
        self._due.append(cohort)

    def wake(self, lane: Lane) -> None:
        """A lane may go now."""
        lane.ready = True
        if not lane.cohort.queued:
            self.add(lane.cohort)

    def wait(self, lane: Lane, now: Instant) -> None:
        """A lane may go again after its rate, together with others of about then."""
        lane.due = -(-(now.mono + lane.rate_us) // GRAIN_US) * GRAIN_US
        waiting = self._waiting.get(lane.rate_us)
        if waiting is None:
            waiting = self._waiting[lane.rate_us] = deque()
        waiting.append(lane)

    def take(self, now: Instant) -> Iterator[Cohort]:
        """Yield whose turn it is, each once; its lanes that may go are ``ready``.

        Who is added meanwhile has its turn next time.
        """
        self._rise(now)
        for _ in range(len(self._due)):
            cohort = self._due.popleft()
            cohort.queued = False
            yield cohort

    def _rise(self, now: Instant) -> None:
        """Make due what has waited until now."""
        mono, due = now.mono, self._due
        for rate_us, waiting in list(self._waiting.items()):
            while waiting and waiting[0].due <= mono:
                lane = waiting.popleft()
                lane.ready = True
                cohort = lane.cohort
                if not cohort.queued:
                    cohort.queued = True
                    due.append(cohort)
            if not waiting:  # or those of every rate that was ever asked for would stay
                del self._waiting[rate_us]

    def next_due(self) -> int | None:
        """Return when the next one may go, µs of the forward clock; None when nothing waits."""
        if self._due:
            return 0
        return min((lanes[0].due for lanes in self._waiting.values()), default=None)

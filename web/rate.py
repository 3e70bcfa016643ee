"""A token bucket as one number: when it will be full again. Pure arithmetic, time is an argument.

In come that number, a moment and a rate; out go whether a token is taken, and the number then. It
is the generic cell rate algorithm (ITU-T I.371, its "virtual scheduling"): each token that is taken
moves the moment one interval further away, and a bucket is empty when that is as many intervals
away as it holds tokens. A number that has passed says the same as none: the bucket is full.
"""

from typing import NamedTuple

PERIOD_NS = 60_000_000_000
"""Rates are given by the minute. No bucket ever needs longer to be full again."""
SECOND_NS = 1_000_000_000


class Verdict(NamedTuple):
    """What became of one request."""

    full_at: int
    """When the bucket is full again, ns."""
    remaining: int
    """Tokens that are left."""
    wait_ns: int
    """How long until there is a token; 0: one was taken."""


class Rate:
    """So many tokens at once, refilled evenly within a minute.

    Args:
        per_minute: how many, at least 1.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._interval = PERIOD_NS // per_minute
        self._span = self._interval * per_minute

    def take(self, full_at: int, now: int) -> Verdict:
        """Take a token of the bucket that is full at ``full_at``, at the moment ``now``, both ns.

        A bucket that would not be full for more than a minute is one of another clock, from before
        the machine was started: it is full.
        """
        ahead = full_at - now
        if not 0 < ahead <= PERIOD_NS:
            full_at, ahead = now, 0
        ahead += self._interval
        if ahead > self._span:
            return Verdict(full_at, 0, ahead - self._span)
        return Verdict(now + ahead, (self._span - ahead) // self._interval, 0)


def seconds(duration_ns: int) -> int:
    """Return whole seconds, rounded up."""
    return -(-duration_ns // SECOND_NS)

"""Who of the web processes should take the next connection, and who has far too many.

In come numbers of open connections: our own, and those of the other processes that live and take
more. Out go decisions. Pure. There is always one process that does not stand back: whoever holds
the fewest. Numbers that are a moment old only make them stand back less.
"""

from collections.abc import Sequence
from math import ceil

STANDS_BACK = 1.05
STANDS_BACK_SLACK = 16
UNEVEN = 1.2
UNEVEN_SLACK = 16
"""So that few clients are left alone; of 200 for each of three, the most is 1.3 times the least."""
_SENT_ON_A_SECOND = 0.05
_SENT_ON_AT_LEAST = 25


def stands_back(own: int, others: Sequence[int]) -> bool:
    """True when others should accept for the moment: we hold clearly more than the mean."""
    return own > STANDS_BACK * _mean(own, others) + STANDS_BACK_SLACK


def is_uneven(own: int, others: Sequence[int]) -> bool:
    """True when another process holds far fewer than we do.

    What closes and comes again evens out by itself. What stays open for hours does not: once a
    process was killed, the rest hold all of its clients.
    """
    return bool(others) and own > UNEVEN * min(others) + UNEVEN_SLACK


def sent_on(own: int, others: Sequence[int]) -> int:
    """Return how many clients to send on within a second, 0 once we hold no more than the mean."""
    surplus = own - ceil(_mean(own, others))
    return max(0, min(surplus, max(_SENT_ON_AT_LEAST, int(own * _SENT_ON_A_SECOND))))


def _mean(own: int, others: Sequence[int]) -> float:
    return (own + sum(others)) / (1 + len(others))

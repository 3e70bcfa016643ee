"""How often a fault is done by the test of its row: a few times in each run, as often as asked.

The environment variable FAULT_TIMES, a whole number, asks for more (`make faults`).
"""

import os


def times(few: int, most: int) -> int:
    """Return how often: ``few``, or FAULT_TIMES where that is set, and at most ``most``."""
    return max(few, min(int(os.environ.get("FAULT_TIMES", few)), most))

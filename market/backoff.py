"""Exponential back-off with full jitter: how long to wait before trying again.

The wait before attempt k is uniform in [0, min(cap, base × 2^k)]. It starts over only when *data
has flowed*, never on a mere open: a server that accepts and then hangs up would otherwise be
hammered. It never gives up. (Source: AWS Architecture Blog, "Exponential Backoff And Jitter", full
jitter.)
"""

BASE_S = 0.5
CAP_S = 30.0


class Backoff:
    """The attempts since data last flowed."""

    def __init__(self, base_s: float = BASE_S, cap_s: float = CAP_S) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self.attempt = 0

    def next_delay_s(self, random: float) -> float:
        """Count an attempt and return the seconds before it; ``random`` is uniform in [0, 1)."""
        highest = min(self._cap_s, self._base_s * 2.0 ** min(self.attempt, 32))
        self.attempt += 1
        return highest * random

    def data_flowed(self) -> None:
        """Start over."""
        self.attempt = 0

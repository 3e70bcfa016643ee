"""What load processes have counted, in a form that can be sent, added up and read. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

BUCKET_US = 100
"""Latencies are counted in classes of so many µs; a class counts as its upper end."""
SENTENCES_MAX = 5


class Tally(msgspec.Struct):
    """Counts of one window. ``latencies`` is by class of ``BUCKET_US``."""

    frames: int = 0
    """Frames of data that were received whole."""
    octets: int = 0
    """Their bytes and those of their headers."""
    latencies: dict[int, int] = {}
    closed: dict[int, int] = {}
    """Connections that ended, by close code; 0: without one."""
    violations: int = 0
    sentences: list[str] = []
    """The first few violations."""
    returned: list[float] = []
    """For each client that was lost and came back: how many seconds it was away."""
    unrecovered: int = 0
    """Of those, how many were told that something is missing."""
    cpu_s: float = 0.0
    """Time that the load process itself took of a core."""

    def late(self, us: int) -> None:
        """Count one latency; one below zero (clocks are cut to the ms) counts as zero."""
        key = max(0, us) // BUCKET_US
        self.latencies[key] = self.latencies.get(key, 0) + 1

    def wrong(self, sentence: str) -> None:
        """Count one violation."""
        self.violations += 1
        if len(self.sentences) < SENTENCES_MAX:
            self.sentences.append(sentence)

    def ended(self, code: int) -> None:
        """Count one connection that ended."""
        self.closed[code] = self.closed.get(code, 0) + 1


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of several."""
    out = Tally()
    for each in tallies:
        out.frames += each.frames
        out.octets += each.octets
        out.latencies = dict(Counter(out.latencies) + Counter(each.latencies))
        out.closed = dict(Counter(out.closed) + Counter(each.closed))
        out.violations += each.violations
        out.sentences = [*out.sentences, *each.sentences][:SENTENCES_MAX]
        out.returned += each.returned
        out.unrecovered += each.unrecovered
        out.cpu_s += each.cpu_s
    return out


def percentile_ms(latencies: Mapping[int, int], percent: float) -> float:
    """Return the latency that ``percent`` of those counted do not pass, ms (nearest rank).

    Raises:
        ValueError: none was counted.
    """
    count = sum(latencies.values())
    if not count:
        raise ValueError("no latency was counted")
    rank = max(1, -(-count * percent // 100))
    passed = 0
    for bucket in sorted(latencies):
        passed += latencies[bucket]
        if passed >= rank:
            break
    return (bucket + 1) * BUCKET_US / 1000

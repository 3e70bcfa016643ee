"""Signs of life: what a process says of itself once a second, and who is late.

A process keeps one ``Health``; its loop publishes ``Health.beat`` every second. Three missed beats
are *late*; the watchdog's own, longer limit means *hung*.

A counter or histogram may have labels, which then stand in its name: ``labelled`` writes them,
``labels_of`` reads them. Their values must come from a small set: a name never goes away again.
"""

import os
import resource
import sys
import time
from bisect import bisect_left
from collections import Counter

import msgspec

from bus.messages import Heartbeat

BEAT_S = 1.0
LATE_AFTER_S = 3.0
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of a histogram's buckets, seconds, included in the bucket; the last has no bound."""
_PAGE = os.sysconf("SC_PAGESIZE")


def rss_bytes() -> int:
    """Return this process's resident memory; where there is no ``/proc``, its highest so far."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def labelled(name: str, **labels: str) -> str:
    """Return a name with its labels, as in ``requests{"route":"/health","status":"2xx"}``."""
    return name + msgspec.json.encode(labels).decode()


def labels_of(name: str) -> tuple[str, dict[str, str]]:
    """Return a name without its labels, and the labels; none where there are none."""
    plain, brace, rest = name.partition("{")
    return plain, msgspec.json.decode(brace + rest, type=dict[str, str]) if brace else {}


class Health:
    """What a process knows of its own state. Changed by the actor, read by the loop."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.started = time.time_ns() // 1000
        self.state = "starting"
        self.counters: Counter[str] = Counter()
        self.histograms: dict[str, list[float]] = {}
        self.positions: dict[str, tuple[int, int]] = {}
        self.lag_us: int | None = None
        self.queue = 0
        self.last_error: str | None = None

    def observe(self, name: str, seconds: float) -> None:
        """Count a duration in the histogram ``name``; one below zero (a clock was set) as zero."""
        histogram = self.histograms.get(name)
        if histogram is None:
            histogram = self.histograms[name] = [*[0] * (len(BOUNDS_S) + 1), 0.0]
        if seconds < 0.0:
            seconds = 0.0
        histogram[bisect_left(BOUNDS_S, seconds)] += 1
        histogram[-1] += seconds

    def beat(self, ts: int) -> Heartbeat:
        """Return the heartbeat of the moment ``ts`` (µs UTC)."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Heartbeat(
            program=self.program,
            pid=os.getpid(),
            ts=ts,
            started=self.started,
            state=self.state,
            counters=dict(self.counters),
            rss_bytes=rss_bytes(),
            cpu_us=int((used.ru_utime + used.ru_stime) * 1e6),
            positions=dict(self.positions),
            lag_us=self.lag_us,
            queue=self.queue,
            last_error=self.last_error,
            histograms={name: list(counts) for name, counts in self.histograms.items()},
        )

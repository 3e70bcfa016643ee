"""Signs of life: what a process says of itself once a second, and who is late.

A process keeps one ``Health``; its loop publishes ``Health.beat`` every second. Three missed beats
are *late*; the watchdog's own, longer limit means *hung*.
"""

import os
import resource
import sys
import time
from collections import Counter

from bus.messages import Heartbeat

BEAT_S = 1.0
LATE_AFTER_S = 3.0
_PAGE = os.sysconf("SC_PAGESIZE")


def rss_bytes() -> int:
    """Return this process's resident memory; where there is no ``/proc``, its highest so far."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Health:
    """What a process knows of its own state. Changed by the actor, read by the loop."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.started = time.time_ns() // 1000
        self.state = "starting"
        self.counters: Counter[str] = Counter()
        self.positions: dict[str, tuple[int, int]] = {}
        self.lag_us: int | None = None
        self.queue = 0
        self.last_error: str | None = None

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
        )

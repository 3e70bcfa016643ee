"""One window's figures: what was delivered, when, and what it took. Pure but for the printing."""

import statistics
from collections.abc import Sequence

import msgspec

from bench.figures import figure
from bench.load.tally import Tally, percentile_ms

PERCENTILES = (50, 95, 99, 100)


class Measured(msgspec.Struct, frozen=True):
    """Of one window. What was not asked for is None."""

    clients: int
    seconds: float
    frames: int
    frame_bytes: float
    """Bytes of a frame on the wire, header included, on average."""
    cpu_s: float
    """User and system time of the server's processes in the window."""
    cpu_us: float
    """The same for each delivered frame, µs."""
    latency_ms: tuple[float, float, float, float]
    """p50, p95, p99 and the greatest."""
    rss: int
    """Resident memory of the server's processes at the end, bytes."""
    rss_per_client: float | None = None
    lost: int | None = None
    """Frames that should have come and did not, those that newer values replaced among them."""
    load_cpu: float = 0.0
    """What the load generator took of a core in the window: 1.0 is all of one."""


def measured(
    tally: Tally,
    *,
    clients: int,
    seconds: float,
    cpu_s: float,
    rss: int,
    rss_before: int | None = None,
    expected: int | None = None,
) -> Measured:
    """Return the figures of a window.

    Raises:
        SystemExit: nothing was delivered, so there is nothing to tell.
    """
    if not tally.frames or not tally.latencies:
        raise SystemExit("no frame was delivered in the window, or none that said when it was sent")
    p50, p95, p99, greatest = (percentile_ms(tally.latencies, each) for each in PERCENTILES)
    return Measured(
        clients=clients,
        seconds=seconds,
        frames=tally.frames,
        frame_bytes=tally.octets / tally.frames,
        cpu_s=cpu_s,
        cpu_us=cpu_s * 1e6 / tally.frames,
        latency_ms=(p50, p95, p99, greatest),
        rss=rss,
        rss_per_client=None if rss_before is None else (rss - rss_before) / clients,
        lost=None if expected is None else expected - tally.frames,
        load_cpu=tally.cpu_s / seconds,
    )


def median(runs: Sequence[Measured]) -> Measured:
    """Return the median of each figure on its own; ``lost`` is that of the worst run."""
    first = runs[0]

    def middle(values: Sequence[float]) -> float:
        return statistics.median(values)

    p50, p95, p99, greatest = (
        middle([each.latency_ms[place] for each in runs]) for place in range(len(PERCENTILES))
    )
    per_client = [each.rss_per_client for each in runs if each.rss_per_client is not None]
    lost = [each.lost for each in runs if each.lost is not None]
    return Measured(
        clients=first.clients,
        seconds=first.seconds,
        frames=int(middle([each.frames for each in runs])),
        frame_bytes=middle([each.frame_bytes for each in runs]),
        cpu_s=middle([each.cpu_s for each in runs]),
        cpu_us=middle([each.cpu_us for each in runs]),
        latency_ms=(p50, p95, p99, greatest),
        rss=int(middle([each.rss for each in runs])),
        rss_per_client=middle(per_client) if per_client else None,
        lost=max(lost, key=abs) if lost else None,
        load_cpu=middle([each.load_cpu for each in runs]),
    )


def report(mode: str, impl: str, one: Measured, **parameters: object) -> None:
    """Print a window's figures."""

    def say(metric: str, value: float, unit: str) -> None:
        figure("fanout", impl, metric, value, unit, mode=mode, clients=one.clients, **parameters)

    say("delivered", one.frames / one.seconds, "frames/s")
    say("frame", one.frame_bytes, "bytes")
    say("to_a_client", one.frames * one.frame_bytes / one.clients / one.seconds, "bytes/s")
    say("cpu", one.cpu_us, "µs/frame")
    say("cores", one.cpu_s / one.seconds, "cores")
    for name, value in zip(("p50", "p95", "p99", "max"), one.latency_ms, strict=True):
        say(f"latency_{name}", value, "ms")
    say("rss", one.rss, "bytes")
    if one.rss_per_client is not None:
        say("rss_per_client", one.rss_per_client, "bytes")
    if one.lost is not None:
        say("lost", one.lost, "frames")
    say("load_cpu", one.load_cpu, "cores")

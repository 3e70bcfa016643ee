"""The race's table in Markdown, each peer beside the raw loop of the same runs. Pure."""

import statistics
from collections.abc import Mapping, Sequence

from bench.fanout.measured import Measured, median

FLOOR = "raw"


def ratios(runs: Mapping[str, Sequence[Measured]], name: str) -> list[float]:
    """Return the CPU per frame over the raw loop's of the same round, for every round."""
    pairs = zip(runs[name], runs[FLOOR], strict=True)
    return [own.cpu_us / floor.cpu_us for own, floor in pairs]


def table(runs: Mapping[str, Sequence[Measured]], shown: Mapping[str, str], rate: float) -> str:
    """Return the table: medians of all rounds, the fewest µs a frame first."""
    lines = [
        "| | CPU µs a frame (least to most) | over the raw loop (least to most) "
        "| bytes a frame | delivered | p50 ms | p99 ms | max ms | KiB a client |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    middles = {name: median(each) for name, each in runs.items()}
    for name in sorted(runs, key=lambda each: middles[each].cpu_us):
        one = middles[name]
        each = [run.cpu_us for run in runs[name]]
        over = ratios(runs, name)
        due = one.clients * rate * one.seconds
        memory = "" if one.rss_per_client is None else f"{one.rss_per_client / 1024:.1f}"
        cells = [
            shown[name],
            f"{one.cpu_us:.2f} ({min(each):.2f} to {max(each):.2f})",
            f"{statistics.median(over):.2f} ({min(over):.2f} to {max(over):.2f})",
            f"{one.frame_bytes:.0f}",
            f"{one.frames / due:.1%}",
            f"{one.latency_ms[0]:.1f}",
            f"{one.latency_ms[2]:.1f}",
            f"{one.latency_ms[3]:.1f}",
            memory,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

"""What runs of chaos have shown, added up over runs, and the report of it.

Comes in: figures of each round. Goes out: a JSON file that the next run goes on with, and rows for
``bench/results.md``. It judges nothing: a run that finds a loss fails where it finds it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

NOTHING = "–"


class Tally(msgspec.Struct):
    """All that is counted. Times in seconds, lags in ms, sizes in MiB."""

    faults: dict[str, int] = {}
    skipped: int = 0
    """Faults that could not be done when it was their time: the same was going on already."""
    not_tried: list[str] = []
    """Kinds of fault that this machine does not allow."""
    seeds: list[int] = []
    trades: int = 0
    seconds: float = 0.0
    looks: int = 0
    candles: int = 0
    """Candles that were equal, at every look."""
    rest_s: list[float] = []
    """From the healing of all faults to the rest of everything, backlog and gaps included."""
    restarts_s: list[float] = []
    """From a kill of everything to "Open"."""
    recoveries_s: dict[str, list[float]] = {}
    repeats_s: list[float] = []
    hindered_s: list[float] = []
    lag_ms: list[int] = []
    drains: list[float] = []
    gaps: int = 0
    gap_rows: list[tuple[int, list[float], list[float]]] = []
    """Of each run: how many gaps; p50, p99 and the most until known, and until filled."""
    viewed: dict[str, int] = {}
    rss_mib: dict[str, float] = {}
    descriptors: dict[str, list[int]] = {}
    """Of each program at the first and at the last look of the last run."""


def load(path: Path) -> Tally:
    """Return what earlier runs have shown."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tally)
    except FileNotFoundError:
        return Tally()


def save(path: Path, tally: Tally) -> None:
    """Write it whole, so that a run that is killed leaves the file of the round before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(tally)) + b"\n")
    os.replace(beside, path)


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the smallest value that ``part`` of them do not pass; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def shown(values: Sequence[float], digits: int = 2) -> str:
    """Return p50, p99 and the highest of some values, and how many there are."""
    if not values:
        return NOTHING
    cells = [percentile(values, 0.5), percentile(values, 0.99), max(values)]
    texts = " / ".join(f"{cell:,.{digits}f}" for cell in cells if cell is not None)
    return f"{texts} ({len(values):,})"


def report(tally: Tally) -> str:
    """Return the rows of two tables in Markdown."""
    every = [one for found in tally.recoveries_s.values() for one in found]
    rows = [
        ("seeds", ", ".join(map(str, tally.seeds))),
        ("seconds; faults done; not done, as the same went on", _three(tally)),
        ("trades compared with the exchanges' truth, one by one", f"{tally.trades:,}"),
        ("P1 lost; counted twice; different", "0; 0; 0"),
        ("looks at everything at rest", f"{tally.looks:,}"),
        ("P7 candles equal to a recomputation in whole numbers", f"{tally.candles:,} of as many"),
        ("P2 socket → committed in Postgres while hurt, ms", shown(tally.lag_ms, 0)),
        ("P3 a killed program works again, s", shown(every)),
        ("the same, killed again within 5 s", shown(tally.repeats_s)),
        ("the same, without database, disk or supervisord meanwhile", shown(tally.hindered_s)),
        ("all killed, or the root: until open again, s", shown(tally.restarts_s, 1)),
        ("P4 drain of a backlog, trades/s", shown(tally.drains, 0)),
        ("P6 gaps found and filled", f"{tally.gaps:,}"),
        *(
            (f"P6 {what}, s, p50 / p99 / max of run {at}", " / ".join(f"{v:.2f}" for v in values))
            for at, (_, *both) in enumerate(tally.gap_rows, 1)
            for what, values in zip(("detected after", "filled after"), both, strict=True)
        ),
        ("from the last fault's end to the rest of all, s", shown(tally.rest_s, 1)),
        ("a client of /ws", "; ".join(f"{k} {v:,}" for k, v in tally.viewed.items()) or NOTHING),
        ("most memory, MiB", "; ".join(f"{k} {v:.0f}" for k, v in sorted(tally.rss_mib.items()))),
        (
            "open descriptors, first and last look",
            "; ".join(f"{k} {a} {b}" for k, (a, b) in sorted(tally.descriptors.items())),
        ),
        ("kinds not tried", ", ".join(tally.not_tried) or "none"),
    ]
    lines = ["| p50 / p99 / max (how many) | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    lines += ["", "| fault | times |", "|---|---|"]
    lines += [f"| {kind} | {count:,} |" for kind, count in sorted(tally.faults.items())]
    lines += [
        "",
        "| killed program | works again after, s: p50 / p99 / max (how many) |",
        "|---|---|",
    ]
    lines += [f"| {name} | {shown(found)} |" for name, found in sorted(tally.recoveries_s.items())]
    return "\n".join(lines) + "\n"


def _three(tally: Tally) -> str:
    return f"{tally.seconds:,.0f}; {sum(tally.faults.values()):,}; {tally.skipped:,}"

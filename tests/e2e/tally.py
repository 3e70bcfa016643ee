"""What runs of chaos have shown, round by round, added up over runs, and the report of it.

Comes in: the figures of each round that has ended well, and which ones failed. Goes out: a JSON
file that the next run goes on with, and rows for ``bench/results.md``. It judges nothing: a run
that finds a loss fails where it finds it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

NOTHING = "–"
Number = TypeVar("Number", int, float)


class Tally(msgspec.Struct, forbid_unknown_fields=True):
    """All that is counted in one round, or in all of them. Times in s, lags in ms, sizes in MiB."""

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
    self_checks: dict[str, int] = {}
    """Of the aggregator against Postgres: ``runs``, ``candles`` and ``differences``."""
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
    """Of each round: how many gaps; p50, p99 and the most until known, and until filled."""
    viewed: dict[str, int] = {}
    rss_mib: dict[str, float] = {}
    rises: dict[str, tuple[float, float]] = {}
    """Of each program by how many MiB a process rose most, and for how many s one was watched."""
    descriptors: dict[str, list[int]] = {}
    """Of each program at the first and at the last look of the last run."""


class Failure(msgspec.Struct, frozen=True):
    """A round that did not end well. It is done again by the next call, and stays written down."""

    round: str
    what: str
    """One line of it."""


class Book(msgspec.Struct, forbid_unknown_fields=True):
    """What one folder knows."""

    rounds: dict[str, Tally] = {}
    """Those that have ended well, by their names: none is there twice."""
    failed: list[Failure] = []


def load(path: Path) -> Book:
    """Return what earlier runs have shown.

    Raises:
        msgspec.ValidationError: the file is of another version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Book)
    except FileNotFoundError:
        return Book()


def save(path: Path, book: Book) -> None:
    """Write it whole, so that who is killed here leaves the file as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(book)) + b"\n")
    os.replace(beside, path)


def total(rounds: Iterable[Tally]) -> Tally:
    """Return all of them together."""
    found = Tally()
    for one in rounds:
        for sums, more in (
            (found.faults, one.faults),
            (found.self_checks, one.self_checks),
            (found.viewed, one.viewed),
        ):
            _add(sums, more)
        for program, seconds in one.recoveries_s.items():
            found.recoveries_s.setdefault(program, []).extend(seconds)
        for name in ("skipped", "trades", "seconds", "looks", "candles", "gaps"):
            setattr(found, name, getattr(found, name) + getattr(one, name))
        for name in ("rest_s", "restarts_s", "repeats_s", "hindered_s", "lag_ms", "drains"):
            getattr(found, name).extend(getattr(one, name))
        found.gap_rows += one.gap_rows
        found.seeds += [seed for seed in one.seeds if seed not in found.seeds]
        found.not_tried = sorted({*found.not_tried, *one.not_tried})
        found.descriptors |= one.descriptors
        for program, mib in one.rss_mib.items():
            found.rss_mib[program] = max(mib, found.rss_mib.get(program, 0.0))
        for program, (mib, watched_s) in one.rises.items():
            most, longest = found.rises.get(program, (mib, watched_s))
            found.rises[program] = max(most, mib), max(longest, watched_s)
    return found


def _add(sums: dict[str, Number], more: Mapping[str, Number]) -> None:
    for name, count in more.items():
        sums[name] = sums[name] + count if name in sums else count


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


def report(book: Book) -> str:
    """Return the rows of three tables in Markdown, and the rounds that failed."""
    tally = total(book.rounds.values())
    every = [one for found in tally.recoveries_s.values() for one in found]
    rows = [
        ("seeds", ", ".join(map(str, tally.seeds))),
        ("seconds; faults done; not done, as the same went on", _three(tally)),
        ("trades compared with the exchanges' truth, one by one", f"{tally.trades:,}"),
        ("rounds that ended well; failed", f"{len(book.rounds):,}; {len(book.failed):,}"),
        ("P1 lost; counted twice; different, of those", "0; 0; 0"),
        ("looks at everything at rest", f"{tally.looks:,}"),
        ("P7 candles equal to a recomputation in whole numbers", f"{tally.candles:,} of as many"),
        ("the aggregator's own looks; candles compared; different", _checks(tally)),
        ("P2 socket → committed in Postgres while hurt, ms", shown(tally.lag_ms, 0)),
        ("P3 a killed program works again, s", shown(every)),
        ("the same, killed again within 5 s", shown(tally.repeats_s)),
        ("the same, without database, disk or supervisord meanwhile", shown(tally.hindered_s)),
        ("all killed, or the root: until open again, s", shown(tally.restarts_s, 1)),
        ("P4 drain of a backlog, trades/s", shown(tally.drains, 0)),
        ("P6 gaps found and filled", f"{tally.gaps:,}"),
        ("P6 known after, s: p50 / p99 / max, each of its worst round", _worst(tally, 1)),
        ("P6 filled after, s, likewise", _worst(tally, 2)),
        ("from the last fault's end to the rest of all, s", shown(tally.rest_s, 1)),
        ("a client of /ws", "; ".join(f"{k} {v:,}" for k, v in tally.viewed.items()) or NOTHING),
        ("most memory, MiB", "; ".join(f"{k} {v:.0f}" for k, v in sorted(tally.rss_mib.items()))),
        (
            "rise of a process at rest, MiB (the longest that one was watched, s)",
            "; ".join(f"{k} {a:.1f} ({b:.0f})" for k, (a, b) in sorted(tally.rises.items()))
            or NOTHING,
        ),
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
    if book.failed:
        lines += ["", "| failed round | what |", "|---|---|"]
        lines += [f"| {one.round} | {one.what.replace('|', '/')} |" for one in book.failed]
    return "\n".join(lines) + "\n"


def _worst(tally: Tally, which: Literal[1, 2]) -> str:
    rows = [row[which] for row in tally.gap_rows if row[which]]
    return " / ".join(f"{max(column):.2f}" for column in zip(*rows, strict=True)) or NOTHING


def _checks(tally: Tally) -> str:
    counts = [tally.self_checks.get(name, 0) for name in ("runs", "candles", "differences")]
    return "; ".join(f"{count:,}" for count in counts)


def _three(tally: Tally) -> str:
    return f"{tally.seconds:,.0f}; {sum(tally.faults.values()):,}; {tally.skipped:,}"

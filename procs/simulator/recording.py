"""Recordings: ``*.txt.zst`` files of received frames, read for playback and for the truth.

A line is ``<Unix seconds> <raw JSON>``; the exchange is the name of the file's folder
(docs/recordings.md). ``scan`` goes through the files once to learn what they hold, ``frames``
yields them lazily, merged by receive time. The truth about a recording is read here, by no code
that the feed has.
"""

import heapq
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import zstandard

from bus.errors import SettingError
from procs.simulator.listing import Grid, Listing
from procs.simulator.market import Execution
from procs.simulator.protocol import Exchange, Exchanges
from procs.simulator.truth import Bar

SUFFIX = ".txt.zst"


class Recorded(NamedTuple):
    """What the recordings of one exchange hold."""

    exchange: Exchange
    paths: tuple[Path, ...]
    first_ts: int
    """Receive time of the first frame, µs UTC."""
    listings: dict[str, Listing]
    """By the exchange's own spelling."""
    trades: int


def find(names: str, recordings_dir: Path) -> list[Path]:
    """Return the files that a comma-separated list names: paths, or names below ``recordings_dir``.

    Raises:
        SettingError: one is not there.
    """
    found = []
    for name in filter(None, (name.strip() for name in names.split(","))):
        tried = [Path(name), recordings_dir / name, recordings_dir / (name + SUFFIX)]
        path = next((path for path in tried if path.is_file()), None)
        if path is None:
            raise SettingError(
                "--recording", f"{name} is not there", f"name a file of {recordings_dir}"
            )
        found.append(path.resolve())
    if not found:
        raise SettingError("--recording", "no file", f"name a file of {recordings_dir}")
    return found


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (receive time in µs UTC, frame) of each line.

    Raises:
        SettingError: the file is no recording.
    """
    number = 0
    try:
        with (
            open(path, "rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader,
            io.TextIOWrapper(reader, encoding="utf-8", newline="\n") as text,
        ):
            for line in text:
                number += 1
                stamp, _, frame = line.rstrip("\n").partition(" ")
                seconds, _, fraction = stamp.partition(".")
                yield int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6]), frame
    except (OSError, ValueError, zstandard.ZstdError) as error:
        raise SettingError(
            "--recording",
            f"{path.name} cannot be read after line {number} ({error})",
            "give a file as docs/recordings.md describes",
        ) from None


def frames(paths: Sequence[Path]) -> Iterator[tuple[int, str]]:
    """Yield the frames of all files by receive time, so one file after the other if they can."""
    return heapq.merge(*map(lines, paths), key=lambda line: line[0])


def scan(paths: Sequence[Path], exchanges: Exchanges) -> list[Recorded]:
    """Return what the files hold, by exchange.

    Raises:
        SettingError: a file is no recording, or holds no trade that its exchange's protocol knows.
    """
    grouped: dict[str, list[Path]] = {}
    for path in paths:
        if path.parent.name not in exchanges:
            raise SettingError(
                "--recording",
                f"{path.name} stands in a folder {path.parent.name!r}",
                f"put it into a folder named {' or '.join(sorted(exchanges))}",
            )
        grouped.setdefault(path.parent.name, []).append(path)
    return [_scan_one(exchanges[name], found) for name, found in grouped.items()]


def _scan_one(exchange: Exchange, paths: list[Path]) -> Recorded:
    decimals: dict[str, tuple[int, int]] = {}
    first_ts, trades = 0, 0
    for ts, text in frames(paths):
        first_ts = first_ts or ts
        for native, trade in exchange.recorded_trades(text):
            trades += 1
            price, size = decimals.get(native, (1, 1))
            price = max(price, places(trade.price))
            decimals[native] = price, max(size, places(trade.size or ""))
    if not trades:
        raise SettingError(
            "--recording",
            f"{', '.join(path.name for path in paths)}: no trade of {exchange.name}'s feed in it",
            "give a recording of the trade stream",
        )
    listings = {}
    for native, (price, size) in decimals.items():
        symbol = exchange.symbol_of(native) or native
        usual = exchange.listing(symbol)
        grid = Grid(price, size, usual.grid.written_decimals)
        listings[native] = Listing(exchange.name, symbol, native, grid, usual.time_unit_us)
    return Recorded(exchange, tuple(paths), first_ts, listings, trades)


def places(text: str) -> int:
    """Return the number of decimals of a number's text that are not trailing zeros."""
    return len(text.partition(".")[2].rstrip("0"))


def fold(
    trades: Sequence[Execution], listing: Listing, interval_s: int, start: int, end: int
) -> list[Bar]:
    """Return the candles of trades (by rising id) that open in [``start``, ``end``)."""
    step = interval_s * 1_000_000
    bars: dict[int, Bar] = {}
    for trade in trades:
        ts_open = trade.ts_event // step * step
        if not start <= ts_open < end:
            continue
        price = int(Decimal(trade.price) * listing.price_unit)
        size = int(Decimal(trade.size or 0) * listing.size_unit)
        bar = bars.get(ts_open)
        if bar is None:
            bars[ts_open] = Bar(ts_open, price, price, price, price, size, 1)
        else:
            bars[ts_open] = Bar(
                ts_open,
                bar.open,
                max(bar.high, price),
                min(bar.low, price),
                price,
                bar.volume + size,
                bar.n + 1,
            )
    return [bars[ts_open] for ts_open in sorted(bars)]

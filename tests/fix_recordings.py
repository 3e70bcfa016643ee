"""Recordings: our own, which are always there, and those of real exchanges, where there are any.

Their format and how to make one: docs/recordings.md. ``recorded`` is the one place where a test
is skipped because it needs other people's data.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from bus import settings

OWN = Path(__file__).parent / "recordings"
SUFFIX = ".txt.zst"


class Recording(NamedTuple):
    """One of our own. Its file is named after its symbols."""

    exchange: str
    symbols: tuple[str, ...]
    path: Path

    def __str__(self) -> str:
        """Return a name for a test."""
        return f"{self.exchange}/{self.path.name.removesuffix(SUFFIX)}"


def own(exchange: str = "*") -> list[Recording]:
    """Return our own recordings, of one exchange or of all."""
    return [
        Recording(path.parent.name, tuple(path.name.split(".")[0].split("_")), path)
        for path in sorted(OWN.glob(f"{exchange}/*{SUFFIX}"))
    ]


def recorded(*names: str) -> list[Path]:
    """Return files of ours, or else below RECORDINGS_DIR, such as ``binance/day.txt.zst``.

    Where one of other people's is missing the test is skipped, and says so.
    """
    folder = settings.load().recordings_dir
    found = []
    for name in names:
        path = next((place / name for place in (OWN, folder) if (place / name).is_file()), None)
        if path is None:
            pytest.skip(f"no {name} in RECORDINGS_DIR: this was NOT tested on real data")
        found.append(path)
    return found


def frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (receive time in µs UTC, frame) of each line of a ``.txt.zst``.

    What other people have recorded is also single frames in a ``.jsonl``, or one answer in a
    ``.json.zst``; when it was received is not known then, and 1.
    """
    if path.suffix == ".jsonl":
        yield from ((1, line) for line in path.read_bytes().splitlines())
        return
    if path.name.endswith(".json.zst"):
        with path.open("rb") as packed:
            yield 1, zstandard.ZstdDecompressor().stream_reader(packed).read()
        return
    text = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
    with text:
        for line in text.read().splitlines():
            stamp, _, frame = line.partition(b" ")
            seconds, _, fraction = stamp.decode().partition(".")
            yield int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6]), frame


def real_text(name: str) -> str:
    """Return the text of a file below RECORDINGS_DIR, unpacked where it is packed."""
    (path,) = recorded(name)
    content = path.read_bytes()
    if path.suffix == ".zst":
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return content.decode()


def real_lines(name: str) -> list[str]:
    """Return the messages of a file of single ones below RECORDINGS_DIR."""
    return real_text(name).splitlines()

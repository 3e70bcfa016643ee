"""Recorded frames of real exchanges, where there are any."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from bus import settings


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the recordings; without it a loud skip. The format: docs/recordings.md."""
    folder = settings.load().recordings_dir
    if (folder / "binance").is_dir() and (folder / "coinbase").is_dir():
        return folder
    pytest.skip(
        "no recordings in RECORDINGS_DIR: the exchanges were tested on hand-made frames only"
    )


def frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (receive time in µs UTC, frame) of each line of a ``.txt.zst``."""
    text = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
    with text:
        for line in text.read().splitlines():
            stamp, _, frame = line.partition(b" ")
            seconds, _, fraction = stamp.decode().partition(".")
            yield int(seconds) * 1_000_000 + int(fraction.ljust(6, "0")[:6]), frame

"""What the simulated exchanges must remember: ``simulator.json`` in DATA_DIR.

Seed, rate and the segments of trading are all there is; every trade follows from them. Written
whole to a second file, fsynced and renamed, so that a kill -9 leaves the old or the new one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bus.errors import SettingError
from procs.simulator.schedule import Segment

DEFAULT_SEED = 1
DEFAULT_RATE = 50.0
RECORDING_FILE = "recording.txt"


class State(msgspec.Struct, frozen=True):
    """The content of the file."""

    seed: int
    rate_milli: int
    """Trades in 1,000 seconds, over all symbols."""
    segments: tuple[Segment, ...]


def load(
    path: Path, seed: int | None, rate: float | None, names: tuple[str, str] = ("--seed", "--rate")
) -> State:
    """Return the state that rests in the file, or a new one with that seed and rate.

    ``names`` is how seed and rate were spelled by who is to be told of a wrong one.

    Raises:
        SettingError: the file belongs to another seed or rate, or cannot be read.
    """
    rate_milli = None if rate is None else round(rate * 1000)
    advice = f"leave it out, give a DATA_DIR other than {path.parent}, or `make clean-demo` first"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        fresh = round(DEFAULT_RATE * 1000) if rate_milli is None else rate_milli
        return State(DEFAULT_SEED if seed is None else seed, fresh, ())
    except (OSError, msgspec.DecodeError) as error:
        raise SettingError(
            "DATA_DIR", f"{path} cannot be read ({error})", "remove it, or give another folder"
        ) from None
    if seed is not None and seed != found.seed:
        raise SettingError(
            names[0], f"{seed}, but the exchanges simulated here have {found.seed}", advice
        )
    if rate_milli is not None and rate_milli != found.rate_milli:
        raise SettingError(
            names[1],
            f"{rate:g}, but the exchanges simulated here have {found.rate_milli / 1000:g}",
            advice,
        )
    return found


def remember_recording(folder: Path, files: Sequence[Path]) -> None:
    """Write down which recording is played on a DATA_DIR."""
    folder.joinpath(RECORDING_FILE).write_text(_names(files), encoding="utf-8")


def check_source(folder: Path, files: Sequence[Path], name: str) -> str | None:
    """Refuse to mix recorded trades with others on one DATA_DIR; return a warning, or None.

    ``files`` is what is to be played, empty for invented trades; ``name`` spells that option.

    Raises:
        SettingError: other trades rest there.
    """
    advice = f"give a DATA_DIR other than {folder}, or `make clean-demo` first"
    path = folder / RECORDING_FILE
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if files and (folder / "simulator.json").exists():
        raise SettingError(name, f"{_names(files)}, but invented trades are stored there", advice)
    if before is not None and before != _names(files):
        wanted = _names(files) or "invented trades"
        raise SettingError(name, f"{wanted}, but {before} is stored there", advice)
    if before is not None:
        return f"{before} is stored here already; `make clean-demo` plays it anew"
    return None


def _names(files: Sequence[Path]) -> str:
    return ",".join(path.name for path in files)


def save(path: Path, state: State) -> None:
    """Write the file. When it returns, the state is on the disk."""
    beside = path.with_suffix(".tmp")
    with open(beside, "wb") as file:
        file.write(msgspec.json.encode(state) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""What the simulated exchanges must remember: ``simulator.json`` in DATA_DIR.

Seed, rate and the segments of trading are all there is; every trade follows from them. Written
whole to a second file, fsynced and renamed, so that a kill -9 leaves the old or the new one.
"""

import os
from pathlib import Path

import msgspec

from bus.errors import SettingError
from procs.simulator.schedule import Segment

DEFAULT_SEED = 1
DEFAULT_RATE = 50.0


class State(msgspec.Struct, frozen=True):
    """The content of the file."""

    seed: int
    rate_milli: int
    """Trades in 1,000 seconds, over all symbols."""
    segments: tuple[Segment, ...]


def load(path: Path, seed: int | None, rate: float | None) -> State:
    """Return the state that rests in the file, or a new one with that seed and rate.

    Raises:
        SettingError: the file belongs to another seed or rate, or cannot be read.
    """
    rate_milli = None if rate is None else round(rate * 1000)
    advice = f"leave it out, or give another DATA_DIR than {path.parent}"
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
            "--seed", f"{seed}, but the exchanges simulated here have {found.seed}", advice
        )
    if rate_milli is not None and rate_milli != found.rate_milli:
        raise SettingError(
            "--rate",
            f"{rate:g}, but the exchanges simulated here have {found.rate_milli / 1000:g}",
            advice,
        )
    return found


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

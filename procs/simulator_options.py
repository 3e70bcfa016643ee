"""What ``make demo RECORDING=… SPEED=… RATE=… SEED=… FAULTS=…`` puts on the simulator's line.

Comes in: an environment. Goes out: the arguments. The simulator reads them again; here a wrong one
is found before anything has started.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from bus.errors import SettingError
from bus.settings import Settings
from procs.simulator import state

NUMBER = r"[0-9]{1,12}(\.[0-9]{1,9})?"
FAULT = rf"[a-z_]{{1,20}}={NUMBER}"

OPTIONS = {
    "RECORDING": "Recorded frames to play instead of invented trades: files, comma separated",
    "SPEED": "How fast a recording is played: `1`, `10` … or `max`",
    "RATE": "Invented trades a second, all symbols together",
    "SEED": "What the invented trades follow from, a whole number",
    "FAULTS": "Faults to inject, as in `drop=0.01,dup=0.01,disconnect=30`",
}
"""Variables of `make demo` alone: name and sentence."""


def arguments(environ: Mapping[str, str], settings: Settings, root: Path) -> tuple[str, ...]:
    """Return the simulator's arguments.

    Raises:
        SettingError: a value that the simulator would refuse.
    """
    given = {key: environ.get(key, "").strip() for key in OPTIONS}
    if given["SPEED"] and not given["RECORDING"]:
        raise SettingError("SPEED", given["SPEED"], "give RECORDING too, it is what has a speed")
    if given["RECORDING"] and (given["RATE"] or given["SEED"]):
        key = "RATE" if given["RATE"] else "SEED"
        raise SettingError(key, given[key], "leave it out: a recording has its own trades")
    found: list[str] = []
    checks: dict[str, Callable[[str], str]] = {
        "RECORDING": lambda text: _files(text, settings, root),
        "SPEED": _pattern("SPEED", rf"max|{NUMBER}", "a number or max"),
        "RATE": _pattern("RATE", NUMBER, "trades a second, as in 100"),
        "SEED": _pattern("SEED", r"[0-9]{1,18}", "a whole number"),
        "FAULTS": _pattern("FAULTS", rf"{FAULT}(,{FAULT})*", "name=number,name=number"),
    }
    for key, check in checks.items():
        if given[key]:
            found += [f"--{key.lower()}", check(given[key])]
    return tuple(found)


def check_source(environ: Mapping[str, str], settings: Settings, root: Path) -> str | None:
    """Refuse what does not fit the trades that rest in DATA_DIR; return a warning, or None.

    Raises:
        SettingError: another seed, rate or recording is asked for.
    """
    given = {key: environ.get(key, "").strip() for key in OPTIONS}
    files = _files(given["RECORDING"], settings, root) if given["RECORDING"] else ""
    paths = [Path(name) for name in files.split(",") if name]
    warning = state.check_source(settings.data_dir, paths, "RECORDING")
    if not paths:
        seed = int(given["SEED"]) if given["SEED"] else None
        rate = float(given["RATE"]) if given["RATE"] else None
        state.load(settings.data_dir / "simulator.json", seed, rate, ("SEED", "RATE"))
    return warning


def _pattern(key: str, pattern: str, wanted: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise SettingError(key, repr(text), f"give {wanted}")
        return text

    return check


def _files(text: str, settings: Settings, root: Path) -> str:
    found = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        places = [root / Path(name).expanduser(), settings.recordings_dir / name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise SettingError(
                "RECORDING", repr(name), f"give a file, or one in {settings.recordings_dir}"
            )
        found.append(str(path.resolve()))
    return ",".join(found)

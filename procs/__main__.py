"""``python -m procs <command>``: what the Makefile calls to run tickwire.

Comes in: a command. Goes out: its exit code: 0, 1 crashed, 2 a setting is wrong (one sentence on
standard error says which), 3 not running, 75 already running.
"""

import argparse
import os
import sys
from collections.abc import Callable

from bus import process
from bus.errors import SettingError
from procs import background, launch

COMMANDS: dict[str, tuple[Callable[[], int], str]] = {
    "demo": (lambda: launch.run("demo"), "run with simulated exchanges, in the foreground"),
    "run": (lambda: launch.run("live"), "run with live exchanges, in the foreground"),
    "start": (
        lambda: background.start("demo" if os.environ.get("DEMO") == "1" else "live"),
        "run in the background; with DEMO=1 the demo",
    ),
    "stop": (background.stop, "end what runs in the background"),
    "status": (background.status, "print the table of programs"),
    "logs": (background.logs, "follow the logs"),
    "psql": (background.psql, "open a psql on the database"),
    "clean-demo": (background.clean_demo, "delete the demo's data"),
}


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m procs")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, sentence) in COMMANDS.items():
        commands.add_parser(name, help=sentence)
    try:
        return COMMANDS[parser.parse_args().command][0]()
    except SettingError as error:
        print(f"tickwire: {error}", file=sys.stderr, flush=True)
        return process.EXIT_MISCONFIGURED
    except KeyboardInterrupt:  # before the launch takes signals, or in `start` and `stop`
        return 130


if __name__ == "__main__":
    sys.exit(main())

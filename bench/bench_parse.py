"""A Binance frame to a checked ``Trade``, beside cryptofeed on the same frames in the same run.

``python -m bench.bench_parse``. cryptofeed is installed into a virtual environment of its own below
``data/bench``; without a network its line is missing.
"""

import subprocess
import sys
import time
from pathlib import Path

from bench.figures import figure
from bus.settings import ROOT, load
from market import decimals
from procs.feed import exchanges
from procs.simulator.recording import lines

RUNS = 5
RECORDING = "binance/spot_btcusdt_20240808.txt.zst"
PEER = Path(__file__).parent / "peer_cryptofeed.py"


def ours(frames: list[bytes]) -> float:
    """Return the CPU µs of one frame, the best of some runs."""
    parse = exchanges.load("binance")(("BTC-USDT",)).parse
    best = float("inf")
    for _ in range(RUNS):
        begin = time.process_time()
        for frame in frames:
            parse(frame, 0)
        best = min(best, time.process_time() - begin)
    return best / len(frames) * 1e6


def cryptofeeds(path: Path) -> float | None:
    """Return the same of cryptofeed's own handler, None where it cannot be installed."""
    folder = ROOT / "data" / "bench" / "cryptofeed"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "cryptofeed==2.4.1"]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return None
    command = [str(python), str(PEER), str(path), str(RUNS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    decimals.install()
    recording = load({}).recordings_dir / RECORDING
    if not recording.exists():
        print(f"bench_parse: skipped, there is no {recording}", file=sys.stderr)
        return
    frames = [frame.encode() for _, frame in lines(recording) if '@trade"' in frame]
    kept = ROOT / "data" / "bench" / "frames.txt"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"\n".join(frames))
    mine = ours(frames)
    figure("parse", "tickwire", "cpu_per_frame", mine, "µs", frames=len(frames))
    theirs = cryptofeeds(kept)
    if theirs is not None:
        figure("parse", "cryptofeed 2.4.1", "cpu_per_frame", theirs, "µs", frames=len(frames))
        figure("parse", "tickwire", "ratio_to_cryptofeed", mine / theirs, "1")


if __name__ == "__main__":
    main()

"""The program ``simulator``: simulated exchanges on ``127.0.0.1:SIMULATOR_PORT``.

``python -m procs.simulator --seed N --rate TRADES_PER_S [--symbols …] [--faults …] [--port P]``
invents trades; ``--recording FILE[,FILE] --speed 1|10|max [--shift-time]`` plays recorded ones.
What must survive a kill -9 rests in ``DATA_DIR/simulator.json``. It is never asked for by
anything but an exchange's client.
"""

import argparse
import asyncio
import functools
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

import uvloop
import zmq

from bus import aloop, settings, sockets
from bus.actor import Idle, Instant, Send
from bus.errors import SettingError
from bus.process import EXIT_MISCONFIGURED, Process, data_folder, run, run_folder
from bus.wiring import OUT
from procs.simulator import app, faults, recording, server, state
from procs.simulator.connection import Source
from procs.simulator.exchanges import exchanges
from procs.simulator.playback import Playback
from procs.simulator.protocol import Exchanges
from procs.simulator.pump import SeededSource
from procs.simulator.schedule import Schedule
from procs.simulator.stepped import invented

RATE_MAX = 1_000_000


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line and exit 2."""
        print(f"tickwire: simulator: {message}; see --help", file=sys.stderr)
        sys.exit(EXIT_MISCONFIGURED)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line. Anything wrong in it: exit 2 and one line on stderr."""
    parser = _Parser(prog="python -m procs.simulator", description="Simulated exchanges.")
    parser.add_argument("--seed", type=int, help=f"default {state.DEFAULT_SEED}, or as before")
    parser.add_argument(
        "--rate",
        type=float,
        help=f"trades/s, all symbols together; default {state.DEFAULT_RATE:g}, or as before",
    )
    parser.add_argument("--symbols", help="exchange:BASE-QUOTE,…;exchange:…; default FEEDS")
    parser.add_argument("--faults", default="", help="drop=0.01,dup=0.01,reorder=50,…")
    parser.add_argument("--port", type=int, help="default SIMULATOR_PORT")
    parser.add_argument("--recording", help="FILE[,FILE] to play instead of inventing trades")
    parser.add_argument("--speed", default="1", help="1, 10, … or max; with --recording")
    parser.add_argument(
        "--shift-time", action="store_true", help="move all times so that the first frame is now"
    )
    found = parser.parse_args(arguments)
    if found.rate is not None and not 0.001 <= found.rate <= RATE_MAX:
        parser.error(f"--rate {found.rate:g} is not from 0.001 to {RATE_MAX}")
    if found.seed is not None and abs(found.seed) >= 1 << 63:
        parser.error("--seed has more than 63 bits")
    if found.port is not None and not 0 <= found.port <= 65535:
        parser.error(f"--port {found.port} is not from 0 to 65535")
    if _speed(found.speed) == 0:
        parser.error(f"--speed {found.speed} is neither a positive number nor max")
    return found


def _speed(text: str) -> float | None:
    """Return the speed of a playback, None for max, 0 for what is none."""
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 < value <= 1000 else 0.0


def wall() -> int:
    """Return the time, µs UTC."""
    return time.time_ns() // 1000


def seeded(process: Process, arguments: argparse.Namespace, known: Exchanges) -> SeededSource:
    """Return the invented market, going on where ``simulator.json`` says."""
    feeds = process.settings.feeds
    if arguments.symbols:
        feeds = settings.load({"FEEDS": arguments.symbols}).feeds
    for name in sorted(set(feeds) - set(known)):
        process.log.warning("simulator.unknown_exchange", exchange=name)
    names = [f"{name}:{symbol}" for name in feeds if name in known for symbol in feeds[name]]
    if not names:
        raise SettingError(
            "FEEDS", "no exchange that can be simulated", f"name one of {', '.join(sorted(known))}"
        )
    path = data_folder(process.settings) / "simulator.json"
    state.check_source(path.parent, (), "--recording")
    kept = state.load(path, arguments.seed, arguments.rate)
    schedule = Schedule(kept.rate_milli, kept.segments)
    if schedule.trading and schedule.symbols != tuple(names):
        schedule.close(wall())
        schedule.open(wall(), names)
    elif not schedule.symbols:
        schedule.open(wall(), names)

    def save(changed: Schedule) -> None:
        state.save(path, state.State(kept.seed, kept.rate_milli, changed.segments))

    save(schedule)
    markets = {}
    for name in feeds.keys() & known.keys():
        listings = [known[name].listing(symbol) for symbol in feeds[name]]
        markets[name] = invented(known[name], kept.seed, listings, schedule, wall)
    if not schedule.trading:
        process.log.warning("simulator.paused", advice="POST /resume")
    return SeededSource(kept.seed, markets, schedule, names, wall, save)


def played(process: Process, arguments: argparse.Namespace, known: Exchanges) -> list[Playback]:
    """Return the recordings as sources, one per exchange."""
    paths = recording.find(arguments.recording, process.settings.recordings_dir)
    folder = data_folder(process.settings)
    state.check_source(folder, paths, "--recording")
    state.remember_recording(folder, paths)
    seed = state.DEFAULT_SEED if arguments.seed is None else arguments.seed
    clock = wall if arguments.shift_time else None
    return [
        Playback(recorded, _speed(arguments.speed), seed, clock)
        for recorded in recording.scan(paths, known)
    ]


class Simulator(Idle):
    """The actor: takes nothing from the bus, tells the heartbeat what the sources do."""

    def __init__(self, process: Process, sources: Sequence[Source]) -> None:
        self._health = process.health
        self._sources = sources

    def on_tick(self, now: Instant) -> Sequence[Send]:
        """Count for the heartbeat."""
        trading = all(source.trading for source in self._sources)
        self._health.state = "ready" if trading else "idle: paused"
        counters = self._health.counters
        counters["frames"] = sum(source.counters["frames"] for source in self._sources)
        counters["clients"] = sum(len(source.clients) for source in self._sources)
        counters["played"] = sum(isinstance(source, Playback) for source in self._sources)
        return ()


def simulate(process: Process, arguments: argparse.Namespace) -> int:
    """Run the simulated exchanges until SIGTERM."""
    known = exchanges()
    chosen = faults.parse(arguments.faults)
    port = process.settings.simulator_port if arguments.port is None else arguments.port
    listener = server.listen(port)

    async def main() -> int:
        sources: list[Source] = (
            [*played(process, arguments, known)]
            if arguments.recording
            else [seeded(process, arguments, known)]
        )
        made = app.make(known, sources, chosen)
        process.log.info("simulator.listening", port=listener.getsockname()[1])
        out = sockets.bind(zmq.Context.instance(), OUT, run_folder(process.settings), "simulator")
        return await aloop.run(
            process,
            Simulator(process, sources),
            {},
            {"out": out},
            lambda stopping: server.serve(made, sources, listener, stopping),
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


if __name__ == "__main__":
    chosen_arguments = parse()
    run("simulator", functools.partial(simulate, arguments=chosen_arguments))

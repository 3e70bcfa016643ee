"""The program ``web``: ``python -m web --slot K``.

Slot 0 only waits: it keeps supervisord's listening socket open while the others restart. Each
other slot serves the dashboard, REST, WebSocket and SSE on that socket (file descriptor 0), or on
HOST:PORT when it was given none. Everything it shows comes from the bus and from Postgres.
"""

import argparse
import asyncio
import socket
import tomllib

import uvloop
import zmq

from bus import actor, aloop
from bus.actor import Idle
from bus.process import Process, run, run_folder
from bus.settings import ROOT
from bus.sockets import Socket, Subscriber, bind
from bus.wiring import OUT
from market import decimals
from market.symbols import Directory
from store.pool import open_pool
from web import rate_table, server
from web.admission import Admission
from web.app import build
from web.broadcaster import Broadcaster
from web.hub import Hub
from web.inputs import FEED_TOPICS, LIFE_TOPICS, STREAM_TOPICS, Inputs
from web.limits import Limits
from web.occupancy import Occupancy
from web.rate_limits import RateLimits
from web.rate_table import Table
from web.services import Services

POOL_SIZE = 4


def hold(process: Process) -> int:
    """Be slot 0."""
    context: zmq.Context[Socket] = zmq.Context()
    out = bind(context, OUT, run_folder(process.settings), process.program)
    return actor.run(process, Idle(), {}, {"out": out})


def serve(process: Process, limits: Limits | None = None) -> int:
    """Be one of the slots that serve, within ``limits`` or those that the settings ask for."""
    listening = server.listener(process.settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(live(process, limits or Limits.of(process.settings), listening))


async def live(
    process: Process,
    limits: Limits,
    listening: socket.socket,
    stopping: asyncio.Event | None = None,
) -> int:
    """Serve on a listening socket until ``stopping`` is set, or without one until a signal."""
    settings = process.settings
    context: zmq.Context[Socket] = zmq.Context()
    folder = run_folder(settings)
    hub = Hub(settings.stale_after_s)
    broadcaster = Broadcaster(hub, limits)
    pool = await open_pool(settings.dsn, POOL_SIZE)
    directory = Directory(settings.feeds)
    health = process.health
    rates = RateLimits(settings, health, buckets(process))
    occupancy = Occupancy(folder, slot_of(process.program), settings.web_processes)
    if occupancy.trouble is not None:
        process.log.warning("web.counts_alone", error=str(occupancy.trouble))
    admission = Admission(occupancy, limits.per_address, settings.trusted_proxies, health.counters)
    services = Services(
        settings,
        health,
        hub,
        broadcaster,
        directory,
        pool,
        version(),
        rates,
        limits,
        admission,
    )
    app = build(services, process.log)

    async def network(stopping: asyncio.Event) -> None:
        try:
            await server.serve(
                app,
                listening,
                limits,
                stopping,
                admission=admission,
                occupancy=occupancy,
                health=health,
            )
        finally:
            await pool.close(timeout=0.5)  # no request is left that needs it

    inputs = {
        "stream": Subscriber(context, folder, ["aggregator"], STREAM_TOPICS),
        "feeds": Subscriber(context, folder, ["feed-*"], FEED_TOPICS),
        "life": Subscriber(context, folder, ["*"], LIFE_TOPICS),
    }
    outputs = {"out": bind(context, OUT, folder, process.program)}
    taker = Inputs(hub, broadcaster, process.health)
    code = await aloop.run(process, taker, inputs, outputs, network, stopping)
    context.term()  # its sockets are closed
    return code


def slot_of(program: str) -> int:
    """Return the number of a slot by its program's name."""
    return int(program.rpartition("-")[2])


def buckets(process: Process) -> Table:
    """Return the table of buckets that all web processes share; one of our own for a full disk."""
    try:
        return rate_table.shared(run_folder(process.settings))
    except OSError as error:
        process.log.warning("web.limits_not_shared", error=str(error))
        return rate_table.private()


def version() -> str:
    """Return the version that pyproject.toml says."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found: str = tomllib.loads(text)["project"]["version"]
    return found


def main() -> None:
    """Run one slot."""
    decimals.install()
    parser = argparse.ArgumentParser(prog="python -m web", description="Serve the dashboard.")
    parser.add_argument("--slot", type=int, default=1, help="0 holds the socket, 1 to N serve")
    slot = parser.parse_args().slot
    run(f"web-{slot}", hold if slot == 0 else serve)


if __name__ == "__main__":
    main()

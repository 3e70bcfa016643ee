"""``GET /api/status``: version, symbols, processes, feeds, disk, as this process knows them."""

import os

import msgspec

from bus.actor import Instant, instant
from bus.messages import FeedStatus
from web.codecs import native
from web.frames.native import Feed
from web.latest import Life
from web.schema import route
from web.services import Services


class ConfiguredSymbol(msgspec.Struct):
    """One symbol of FEEDS."""

    exchange: str
    symbol: str


class ProcessStatus(msgspec.Struct):
    """One process. ``rate`` is units of work a second; what is not known is null."""

    name: str
    pid: int | None
    state: str
    uptime_s: float | None
    restarts: int | None
    rate: float | None
    lag_ms: float | None
    queue: int | None
    rss_bytes: int | None
    last_error: str | None
    counters: dict[str, int | float]


class Disk(msgspec.Struct):
    """The file system of DATA_DIR, and the bytes of each exchange's journal."""

    free_bytes: int | None
    total_bytes: int | None
    journals: dict[str, int]


class Status(msgspec.Struct):
    """The installation as a whole. ``feeds`` are as in the ``status`` frames of ``/ws``."""

    version: str
    simulated: bool
    symbols: list[ConfiguredSymbol]
    processes: list[ProcessStatus]
    feeds: list[Feed]
    disk: Disk


@route("/api/status", answer=Status)
async def status(services: Services) -> Status:
    """Return the state of everything."""
    now = instant()
    latest = services.hub.latest
    feeds = []
    for exchange in sorted(latest.feeds):
        message = latest.feeds[exchange].message
        assert isinstance(message, FeedStatus)
        feeds.append(native.feed(message, silent=latest.silent(exchange, now)))
    return Status(
        services.version,
        services.settings.simulated,
        [ConfiguredSymbol(*one) for one in services.directory.all],
        [_process(life, now) for life in latest.lives(now)],
        feeds,
        disk(services),
    )


def _process(life: Life, now: Instant) -> ProcessStatus:
    program, beat = life.program, life.beat
    state = program.state.lower() if program is not None else "late"
    if beat is not None and life.running:
        state = "late" if life.late else beat.heartbeat.state
    since = program.since if program is not None else beat.heartbeat.started if beat else None
    error = program.error or None if program is not None else None
    heartbeat = beat.heartbeat if beat is not None else None
    return ProcessStatus(
        life.name,
        heartbeat.pid if heartbeat else (program.pid or None) if program else None,
        state,
        round((now.wall - since) / 1e6, 1) if since and life.running else None,
        program.restarts if program is not None else None,
        beat.rate if beat is not None else None,
        heartbeat.lag_us / 1000 if heartbeat and heartbeat.lag_us is not None else None,
        heartbeat.queue if heartbeat else None,
        heartbeat.rss_bytes if heartbeat else None,
        (heartbeat.last_error if heartbeat else None) or error,
        {n: v for n, v in heartbeat.counters.items() if "{" not in n} if heartbeat else {},
    )


def disk(services: Services) -> Disk:
    """Return the room on DATA_DIR's file system and the sizes of the journals."""
    journals: dict[str, int] = {}
    free = total = None
    try:
        found = os.statvfs(services.settings.data_dir)
        free, total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        for entry in os.scandir(services.settings.journal_dir):
            exchange = entry.name.partition(".")[0]
            journals[exchange] = journals.get(exchange, 0) + entry.stat().st_size
    except OSError:
        pass  # a folder or file that is not there (any more): what is not known is null
    return Disk(free, total, journals)

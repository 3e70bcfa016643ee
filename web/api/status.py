"""``GET /api/status``: version, symbols, processes, feeds, disk, as this process knows them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from bus.actor import Instant, instant
from bus.messages import FeedStatus
from web.codecs import native
from web.disk import Disk, disk
from web.frames.fields import EpochMs
from web.frames.native import Feed
from web.latest import Life
from web.present import listings
from web.schema import route
from web.services import Services

PLAYED = "played"
"""What the simulator counts: the recordings that it plays."""


class ConfiguredSymbol(msgspec.Struct):
    """One symbol of FEEDS."""

    exchange: str
    symbol: str
    decimals: Annotated[
        int | None, Meta(description="Digits of a price after the point, by the market's tick size")
    ]


class ProcessStatus(msgspec.Struct):
    """One process. ``rate`` is units of work a second; what is not known is null.

    What it does is not known of one that gives no sign of life.
    """

    name: str
    pid: int | None
    state: str
    since: Annotated[
        EpochMs | None, Meta(description="When this state began, if that is known: epoch ms, UTC")
    ]
    uptime_s: float | None
    restarts: int | None
    rate: float | None
    lag_ms: float | None
    queue: int | None
    rss_bytes: int | None
    last_error: str | None
    counters: dict[str, int | float]


class Status(msgspec.Struct):
    """The installation as a whole. ``feeds`` are as in the ``status`` frames of ``/ws``."""

    version: str
    simulated: bool
    replay: Annotated[bool, Meta(description="The simulated trades are a recording's")]
    symbols: list[ConfiguredSymbol]
    processes: list[ProcessStatus]
    feeds: list[Feed]
    disk: Disk


@route("/api/status", answer=Status)
def status(services: Services) -> Status:
    """Return the state of everything."""
    now = instant()
    latest = services.hub.latest
    simulator = latest.beats.get("simulator")
    feeds = []
    for exchange in sorted(latest.feeds):
        message = latest.feeds[exchange].message
        assert isinstance(message, FeedStatus)
        feeds.append(native.feed(message, silent=latest.silent(exchange, now)))
    return Status(
        services.version,
        services.settings.simulated,
        simulator is not None and bool(simulator.heartbeat.counters.get(PLAYED)),
        [ConfiguredSymbol(*key, one.decimals) for key, one in listings(services).items()],
        [_process(life, now) for life in latest.lives(now)],
        feeds,
        disk(services.settings),
    )


def _process(life: Life, now: Instant) -> ProcessStatus:
    program, beat = life.program, life.beat
    state = program.state.lower() if program is not None else "late"
    if beat is not None and life.running:
        state = "late" if life.late else beat.heartbeat.state
    started = program.since if program is not None else beat.heartbeat.started if beat else None
    error = program.error or None if program is not None else None
    heartbeat = beat.heartbeat if beat is not None else None
    now_doing = beat if life.up else None
    lag_us = now_doing.heartbeat.lag_us if now_doing is not None else None
    return ProcessStatus(
        life.name,
        heartbeat.pid if heartbeat else (program.pid or None) if program else None,
        state,
        since // 1000 if (since := _since(life)) else None,
        round((now.wall - started) / 1e6, 1) if started and life.running else None,
        program.restarts if program is not None else None,
        now_doing.rate if now_doing is not None else None,
        lag_us / 1000 if lag_us is not None else None,
        now_doing.heartbeat.queue if now_doing is not None else None,
        heartbeat.rss_bytes if heartbeat else None,
        (heartbeat.last_error if heartbeat else None) or error,
        {n: v for n, v in heartbeat.counters.items() if "{" not in n} if heartbeat else {},
    )


def _since(life: Life) -> int | None:
    """Return when a process's state began, µs UTC: if it is late, when it was heard last."""
    if life.beat is not None and life.running:
        return life.beat.heartbeat.ts if life.late else life.beat.since
    return life.program.since if life.program is not None else None

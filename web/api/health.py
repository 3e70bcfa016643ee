"""``GET /health``, ``/health/live`` and ``/health/ready``: for people, supervisors, balancers."""

import resource
import time

import msgspec

from bus.actor import instant
from bus.heartbeat import rss_bytes
from web.answers import Refused
from web.patience import within
from web.schema import RETRY_AFTER_S, is_away, route
from web.services import Services

PATIENCE_S = 2.0
"""How long the database may take to answer before it counts as away."""


class Memory(msgspec.Struct):
    """Bytes of this process: resident now, and at most so far."""

    rss: int
    peak: int


class Health(msgspec.Struct):
    """``timestamp`` in epoch ms, ``uptime`` in seconds."""

    status: str
    timestamp: int
    uptime: float
    memory: Memory


class Alive(msgspec.Struct):
    """One word."""

    status: str


@route("/health", answer=Health, limit=None)
def health(services: Services) -> Health:
    """Return that this web process works, since when, with how much memory."""
    now = time.time_ns() // 1000
    rss = rss_bytes()
    peak = max(rss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    uptime = round((now - services.health.started) / 1e6, 2)
    return Health("ok", now // 1000, uptime, Memory(rss, peak))


@route("/health/live", answer=Alive, limit=None)
def live(services: Services) -> Alive:
    """Return that this process answers: a restart would not make it better."""
    return Alive("ok")


@route("/health/ready", answer=Alive, errors=(503,), limit=None)
async def ready(services: Services) -> Alive:
    """Return that the database has its tables and at least one feed data; else 503 and why."""
    reasons = []
    now, latest = instant(), services.hub.latest
    if not any(not latest.silent(exchange, now) for exchange, _ in latest.tickers):
        reasons.append("no feed has data")
    try:
        if not await within(PATIENCE_S, _has_tables(services)):
            reasons.append("the database has no tables yet")
    except Exception as error:
        if not is_away(error):
            raise
        reasons.append("the database does not answer")
    if reasons:
        raise Refused(503, "; ".join(reasons), retry_after_s=RETRY_AFTER_S)
    return Alive("ready")


async def _has_tables(services: Services) -> bool:
    """Return whether the database has been migrated, without an error in its log if not."""
    async with services.pool.connection() as connection:
        cursor = await connection.execute("SELECT to_regclass('candle') IS NOT NULL")
        return await cursor.fetchone() == (True,)

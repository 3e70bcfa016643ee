"""What the routes of one web process share: made once by ``__main__``, handed to every handler."""

import asyncio
from dataclasses import dataclass, field

from bus.heartbeat import Health
from bus.settings import Settings
from market.symbols import Directory
from store.pool import Pool
from web.hub import Hub
from web.limits import Limits
from web.rate_limits import RateLimits
from web.sessions import Sessions


@dataclass
class Services:
    """The parts. ``pool`` opens before the first request; ``draining`` is set at shutdown."""

    settings: Settings
    health: Health
    hub: Hub
    sessions: Sessions
    directory: Directory
    pool: Pool
    version: str
    rates: RateLimits
    limits: Limits = field(default_factory=Limits)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

"""What the routes of one web process share: made once by ``__main__``, handed to every handler."""

import asyncio
from dataclasses import dataclass, field

from bus.heartbeat import Health
from bus.settings import Settings
from market.symbols import Directory
from store.pool import Pool
from web.broadcaster import Broadcaster
from web.hub import Hub
from web.limits import Limits
from web.traffic import Connections


@dataclass
class Services:
    """The parts. ``pool`` opens before the first request; ``draining`` is set at shutdown."""

    settings: Settings
    health: Health
    hub: Hub
    broadcaster: Broadcaster
    directory: Directory
    pool: Pool
    version: str
    limits: Limits = field(default_factory=Limits)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _traffic: dict[str, Connections] = field(default_factory=dict)

    def traffic(self, name: str) -> Connections:
        """Return what counts the connections of one kind of stream: one object for each kind."""
        found = self._traffic.get(name)
        if found is None:
            found = self._traffic[name] = Connections(self.health, name)
        return found

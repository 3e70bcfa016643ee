"""What the routes of one web process share: made once by ``__main__``, handed to every handler."""

from dataclasses import dataclass, field

from bus.heartbeat import Health
from bus.settings import Settings
from market.symbols import Directory
from store.pool import Pool
from web.admission import Admission
from web.broadcaster import Broadcaster
from web.candle_reading import Reading
from web.hub import Hub
from web.kept import Kept
from web.limits import Limits
from web.rate_limits import RateLimits
from web.traffic import Connections


@dataclass
class Services:
    """The parts. ``pool`` opens before the first request."""

    settings: Settings
    health: Health
    hub: Hub
    broadcaster: Broadcaster
    directory: Directory
    pool: Pool
    version: str
    rates: RateLimits
    limits: Limits = field(default_factory=Limits)
    admission: Admission = field(default_factory=Admission)
    readings: Kept[Reading] = field(default_factory=Kept)
    _traffic: dict[str, Connections] = field(default_factory=dict)

    def traffic(self, name: str) -> Connections:
        """Return what counts the connections of one kind of stream: one object for each kind."""
        found = self._traffic.get(name)
        if found is None:
            found = self._traffic[name] = Connections(self.health, name)
        return found

"""``GET /metrics``: every process of the installation, for Prometheus."""

from bus.actor import instant
from web.disk import disk
from web.metrics import CONTENT_TYPE, Metrics
from web.schema import route
from web.services import Services


@route("/metrics", answer=str, media_type=CONTENT_TYPE, limit=None)
def metrics(services: Services) -> str:
    """Return the metrics of all processes, as Prometheus reads them.

    Counters are those of each process's last heartbeat, at most a second old.
    """
    found = Metrics(
        services.hub.latest,
        disk(services.settings),
        instant(),
        services.version,
        simulated=services.settings.simulated,
    )
    return found.text()

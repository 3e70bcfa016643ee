"""``/metrics`` as Prometheus reads it, and heartbeats to be told by it."""

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from bus.heartbeat import Health
from bus.messages import Heartbeat, Message
from tests.web.messages import NOW, at
from web.disk import Disk
from web.hub import Hub
from web.metrics import Metrics
from web.traffic import Connections, Requests

SECOND = 1_000_000
Labels = dict[str, str]


class Scrape:
    """One answer. It must be readable."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: list[Metric] = list(text_string_to_metric_families(text))

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {sample.name for family in self.families for sample in family.samples}

    def samples(self, name: str) -> list[tuple[Labels, float]]:
        """Return the samples of a name."""
        return [
            (sample.labels, sample.value)
            for family in self.families
            for sample in family.samples
            if sample.name == name
        ]

    def value(self, name: str, **labels: str) -> float:
        """Return the one sample with exactly these labels."""
        (found,) = [value for given, value in self.samples(name) if given == labels]
        return found

    def rising(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return all samples that may only rise, by name and labels."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            if family.type in ("counter", "histogram")
            for sample in family.samples
        }


def scrape(*messages: Message, after: int = 0) -> Scrape:
    """Return the answer of a process that has heard these messages ``after`` µs ago."""
    hub = Hub(stale_after_s=15)
    for message in messages:
        hub.message(message, at(0))
    disk = Disk(10, 100, {"binance": 4096})
    return Scrape(Metrics(hub.latest, disk, at(after), "1.2.3", simulated=True).text())


class Route:
    """All that is known of a request's route."""

    path = "/prices/{symbol:path}/history"


def web(program: str, *, requests: int = 3) -> Heartbeat:
    """Return the heartbeat of a web process with requests, connections and durations."""
    health = Health(program)
    for _ in range(requests):
        Requests(health).answered({"route": Route}, 200, 0.004)
    Requests(health).answered({}, 404, 0.0001)
    for name in ("ws", "sse"):
        stream = Connections(health, name)
        stream.opened()
        stream.opened()
        stream.closed()
        stream.wrote(5, None)
    health.observe("broadcast_s", 0.03)
    health.observe("broadcast_s", 60.0)
    return health.beat(NOW)


def beat(program: str, pid: int = 1, ts: int = NOW, **counters: int) -> Heartbeat:
    """Return a heartbeat with these counters."""
    return Heartbeat(
        program=program,
        pid=pid,
        ts=ts,
        started=NOW - SECOND,
        state="ready",
        counters={**counters},
        rss_bytes=1000,
        cpu_us=2_500_000,
        positions={},
        lag_us=1000,
    )

"""All processes as Prometheus metrics, whichever web process answers.

In come what this process has heard of the others (heartbeats, supervisord's table, feed statuses)
and the disk; out goes the text format 0.0.4. Counters are those of each process's last heartbeat,
also once it is dead, this process's own too: two web processes never differ by more than a beat.
What is the state of a moment is left out of a process that gives no sign of life. Every label comes
from a small set: programs, exchanges, configured symbols, routes, status classes.
"""

from collections.abc import Iterable
from itertools import accumulate
from os import sysconf
from typing import get_args, get_type_hints

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric

from bus.actor import Instant
from bus.heartbeat import BOUNDS_S, labels_of
from bus.messages import FeedStatus, Heartbeat, Ticker
from web.counted import COUNTERS, HISTOGRAMS, IN_SOME, Row
from web.disk import Disk
from web.latest import Latest, Life
from web.traffic import CLOSED, OPENED

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
FEED_STATES: tuple[str, ...] = get_args(get_type_hints(FeedStatus)["state"])
_BOUNDS = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
_MACHINE_MEMORY = sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE")
_UNSENT = "unsent."


class Metrics:
    """One answer: every family of metrics, each once. It is prometheus_client's collector.

    Args:
        latest: what this web process has heard.
        disk: the file system and the journals.
        now: the moment of the answer.
        version: tickwire's.
        simulated: whether the exchanges are.
    """

    def __init__(
        self, latest: Latest, disk: Disk, now: Instant, version: str, *, simulated: bool
    ) -> None:
        self._latest = latest
        self._disk = disk
        self._now = now
        self._build = {"version": version, "simulated": str(int(simulated))}
        self._families: dict[str, Metric] = {}

    def text(self) -> str:
        """Return the metrics in the text format."""
        return generate_latest(self).decode()

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        self._gauge("build_info", "Always 1; says which tickwire this is.", self._build, 1)
        for life in self._latest.lives(self._now):
            self._life(life)
        for program in sorted(self._latest.beats):
            self._counted(self._latest.beats[program].heartbeat)
        self._feeds()
        self._machine()
        return self._families.values()

    def _life(self, life: Life) -> None:
        who = {"process": life.name}
        sentence = "1 if it runs and, where it ever gave a heartbeat, gives them now."
        self._gauge("process_up", sentence, who, life.up)
        self._gauge(
            "process_late", "1 if it runs and three heartbeats are missing.", who, life.late
        )
        if life.program is not None:
            sentence = "Starts after the first, since the watchdog's own."
            self._counter("process_restarts", sentence, who, life.program.restarts)
        if life.beat is None or not life.up:
            return
        beat = life.beat.heartbeat
        sentence = "When it started, since 1970: time() minus this is its uptime."
        self._gauge("process_start_time_seconds", sentence, who, beat.started / 1e6)
        sentence = "Its resident memory."
        self._gauge("process_resident_memory_bytes", sentence, who, beat.rss_bytes)
        sentence = "Units of work that wait: trades to be stored, frames for the slowest client."
        self._gauge("process_queue_depth", sentence, who, beat.queue)
        if beat.lag_us is not None:
            sentence = "Age of the newest trade it has worked on, at that moment."
            self._gauge("process_lag_seconds", sentence, who, beat.lag_us / 1e6)
        for name, opened in beat.counters.items():
            plain, labels = labels_of(name)
            if plain == OPENED:
                open_now = opened - beat.counters.get(CLOSED + name.removeprefix(OPENED), 0)
                sentence = "WebSockets and event streams that are open, by kind."
                self._gauge("connections", sentence, {**who, **labels}, open_now)

    def _counted(self, beat: Heartbeat) -> None:
        kind, _, rest = beat.program.partition("-")
        process = {"process": beat.program}
        who = {"exchange": rest} if kind == "feed" else process
        for name, row in COUNTERS.get(kind, {}).items():
            self._row(row, who, beat.counters.get(name, 0))
        for name, value in beat.counters.items():
            plain, labels = labels_of(name)
            if name.startswith(_UNSENT):
                plain, labels = "unsent", {"to": name.removeprefix(_UNSENT)}
            if plain in IN_SOME:
                self._row(IN_SOME[plain], {**process, **labels}, value)
        sentence = "Processor time used, in user and system mode."
        self._counter("process_cpu_seconds", sentence, process, beat.cpu_us / 1e6)
        for name, counts in beat.histograms.items():
            plain, labels = labels_of(name)
            if plain in HISTOGRAMS and len(counts) == len(_BOUNDS) + 1:
                self._histogram(HISTOGRAMS[plain], {**process, **labels}, counts)

    def _feeds(self) -> None:
        for exchange, update in sorted(self._latest.feeds.items()):
            feed = update.message
            assert isinstance(feed, FeedStatus)
            if self._latest.silent(exchange, self._now):
                continue
            where = {"exchange": exchange}
            for state in FEED_STATES:
                sentence = "1 for the state that the connection to the exchange is in."
                self._gauge("feed_state", sentence, {**where, "state": state}, state == feed.state)
            sentence = "0 while the journal cannot be written."
            self._gauge("journal_ok", sentence, where, feed.journal_ok)
        for (exchange, symbol), update in sorted(self._latest.tickers.items()):
            assert isinstance(update.message, Ticker)
            stale = self._latest.stale(update.message, self._now)
            sentence = "1 if its price is old although there should be a newer one."
            self._gauge("symbol_stale", sentence, {"exchange": exchange, "symbol": symbol}, stale)

    def _machine(self) -> None:
        for exchange, size in sorted(self._disk.journals.items()):
            self._gauge("journal_bytes", "Size of its journal.", {"exchange": exchange}, size)
        if self._disk.free_bytes is not None and self._disk.total_bytes is not None:
            self._gauge("disk_free_bytes", "Room left for DATA_DIR.", {}, self._disk.free_bytes)
            self._gauge(
                "disk_size_bytes", "Size of DATA_DIR's file system.", {}, self._disk.total_bytes
            )
        self._gauge("machine_memory_bytes", "The machine's memory.", {}, _MACHINE_MEMORY)

    # ---- one sample

    def _row(self, row: Row, labels: dict[str, str], value: float) -> None:
        self._counter(row.metric, row.sentence, {**labels, **row.labels}, value)

    def _counter(self, name: str, sentence: str, labels: dict[str, str], value: float) -> None:
        self._family(name, sentence, "counter").add_sample(f"tickwire_{name}_total", labels, value)

    def _gauge(self, name: str, sentence: str, labels: dict[str, str], value: float) -> None:
        self._family(name, sentence, "gauge").add_sample(f"tickwire_{name}", labels, float(value))

    def _histogram(self, row: Row, labels: dict[str, str], counts: list[float]) -> None:
        family, name = self._family(row.metric, row.sentence, "histogram"), f"tickwire_{row.metric}"
        *in_each, seconds = counts
        for bound, count in zip(_BOUNDS, accumulate(in_each), strict=True):
            family.add_sample(f"{name}_bucket", {**labels, "le": bound}, count)
        family.add_sample(f"{name}_sum", labels, seconds)
        family.add_sample(f"{name}_count", labels, sum(in_each))

    def _family(self, name: str, sentence: str, kind: str) -> Metric:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Metric(f"tickwire_{name}", sentence, kind)
        return family

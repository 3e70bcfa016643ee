"""What Prometheus is told: every process once, by names and labels that it can rely on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bus.heartbeat import BOUNDS_S, Health, labelled
from bus.messages import ProgramState, ProgramTable
from bus.settings import ROOT
from tests.web.messages import NOW, status, ticker
from tests.web.scraping import SECOND, beat, scrape, web
from web.counted import COUNTERS, IN_SOME, LEFT_OUT

NASTY = 'a"b\\c\nd{e="f"}é'


def test_every_family_is_named_described_and_typed_once() -> None:
    found = scrape(beat("feed-binance", trades=7), web("web-1"), web("web-2"), status(), ticker())
    lines = found.text.splitlines()
    for keyword in ("HELP", "TYPE"):
        named = [line.split()[2] for line in lines if line.startswith(f"# {keyword} ")]
        assert len(named) == len(set(named)) == len(found.families)
    for family in found.families:
        assert family.name.startswith("tickwire_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        assert family.samples
        keys = [(sample.name, sorted(sample.labels.items())) for sample in family.samples]
        assert [key for key in keys if keys.count(key) > 1] == []


def test_the_trades_of_an_exchange_stand_under_its_name() -> None:
    found = scrape(beat("feed-binance", trades=7, duplicates=2), beat("feed-coinbase"))
    assert found.value("tickwire_trades_total", exchange="binance") == 7
    assert found.value("tickwire_duplicates_total", exchange="binance") == 2
    assert found.value("tickwire_trades_total", exchange="coinbase") == 0


def test_each_web_process_is_in_the_answer_of_any() -> None:
    found = scrape(web("web-1", requests=3), web("web-2", requests=5))
    for process, requests in (("web-1", 3), ("web-2", 5)):
        route = {"process": process, "route": "/prices/{symbol}/history"}
        assert found.value("tickwire_requests_total", **route, status="2xx") == requests
        assert found.value("tickwire_request_duration_seconds_count", **route) == requests
        for stream in ("ws", "sse"):
            here = {"process": process, "stream": stream}
            assert found.value("tickwire_connections", **here) == 1
            assert found.value("tickwire_connections_opened_total", **here) == 2
            assert found.value("tickwire_messages_sent_total", **here) == 5


def test_a_histogram_counts_up_to_each_bound() -> None:
    found = scrape(web("web-1"))
    name = "tickwire_broadcast_latency_seconds"
    buckets = found.samples(f"{name}_bucket")
    assert [float(labels["le"]) for labels, _ in buckets] == [*BOUNDS_S, float("inf")]
    counts = {labels["le"]: value for labels, value in buckets}
    assert (counts["0.025"], counts["0.05"], counts["10"], counts["+Inf"]) == (0, 1, 1, 2)
    assert found.value(f"{name}_count", process="web-1") == 2
    assert found.value(f"{name}_sum", process="web-1") == 60.03


def test_a_process_that_has_fallen_silent_is_late_and_keeps_its_counters_alone() -> None:
    messages = [beat("feed-binance", trades=7), beat("persister")]
    alive = scrape(*messages, after=3 * SECOND)
    silent = scrape(*messages, after=3 * SECOND + 1)
    for found, up in ((alive, 1), (silent, 0)):
        assert found.value("tickwire_process_up", process="feed-binance") == up
        assert found.value("tickwire_process_late", process="feed-binance") == 1 - up
        assert found.value("tickwire_trades_total", exchange="binance") == 7
        assert found.value("tickwire_process_cpu_seconds_total", process="persister") == 2.5
    of_the_moment = "tickwire_process_resident_memory_bytes"
    assert alive.value(of_the_moment, process="persister") == 1000
    assert silent.samples(of_the_moment) == []


def test_supervisord_knows_who_is_down_before_his_heartbeats_do() -> None:
    table = ProgramTable(
        NOW,
        [
            ProgramState("persister", "BACKOFF", 0, NOW, 3, "Exited too quickly"),
            ProgramState("postgres", "RUNNING", 5, NOW, 0, ""),
            ProgramState("tap", "FATAL", 0, NOW, 9, ""),
        ],
    )
    found = scrape(beat("persister"), table)
    ups = {labels["process"]: up for labels, up in found.samples("tickwire_process_up")}
    assert ups == {"persister": 0, "postgres": 1, "tap": 0}
    assert found.value("tickwire_process_late", process="persister") == 0
    assert found.value("tickwire_process_restarts_total", process="persister") == 3


def test_a_heartbeat_newer_than_the_watchdogs_last_word_counts() -> None:
    table = ProgramTable(NOW, [ProgramState("persister", "RUNNING", 5, NOW, 0, "")])
    name = "tickwire_process_resident_memory_bytes"
    assert scrape(table, beat("persister", pid=6, ts=NOW)).samples(name) == []
    newer = scrape(table, beat("persister", pid=6, ts=NOW + 1))
    assert newer.value(name, process="persister") == 1000


def test_labels_come_through_whatever_is_in_them() -> None:
    health = Health("web-1")
    health.counters[labelled("requests", route=NASTY, status="2xx")] = 4
    found = scrape(health.beat(NOW), beat(f"feed-{NASTY}", trades=2), ticker(NASTY))
    labels = {"process": "web-1", "route": NASTY, "status": "2xx"}
    assert found.value("tickwire_requests_total", **labels) == 4
    assert found.value("tickwire_trades_total", exchange=NASTY) == 2
    assert found.value("tickwire_symbol_stale", exchange="binance", symbol=NASTY) == 0


def test_what_another_version_counts_differently_is_left_out() -> None:
    other = msgspec.structs.replace(
        beat("web-1", **{"from_the_future": 1, 'gone{"a":"b"}': 1}),
        histograms={"request_s": [1, 0.5], "broadcast_s": [0] * (len(BOUNDS_S) + 1) + [0.0]},
    )
    found = scrape(other)
    assert found.samples("tickwire_request_duration_seconds_count") == []
    assert found.value("tickwire_broadcast_latency_seconds_count", process="web-1") == 0
    assert "future" not in found.text
    assert "gone" not in found.text


def test_feeds_and_symbols_say_how_they_are() -> None:
    stale = ticker(ts_recv=NOW - 60 * SECOND)
    found = scrape(status(symbols={"ETH-USDT": "stale", "BTC-USDT": "live"}), stale)
    states = {labels["state"]: value for labels, value in found.samples("tickwire_feed_state")}
    assert {state for state, value in states.items() if value} == {"connected"}
    assert set(states) > {"idle", "reconnecting", "disconnected"}
    assert found.value("tickwire_journal_ok", exchange="binance") == 1
    assert found.value("tickwire_symbol_stale", exchange="binance", symbol="ETH-USDT") == 1
    assert found.value("tickwire_journal_bytes", exchange="binance") == 4096


def test_a_feed_without_a_sign_of_life_has_no_state() -> None:
    silent = scrape(status(), ticker(), after=60 * SECOND)
    assert silent.samples("tickwire_feed_state") == []
    assert silent.value("tickwire_symbol_stale", exchange="binance", symbol="ETH-USDT") == 1


def counted_in(path: Path) -> Iterator[str]:
    """The constant names under which a file counts: ``counters["name"]``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript):
            of = node.value
            name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
            if name.lstrip("_") == "counters":
                for key in ast.walk(node.slice):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value


def test_whatever_a_process_counts_is_a_metric_or_left_out_with_a_reason() -> None:
    known = {*IN_SOME, *LEFT_OUT, "unsent."}.union(*COUNTERS.values())
    found = {
        name: str(path.relative_to(ROOT))
        for folder in ("bus", "procs", "web")
        for path in (ROOT / folder).rglob("*.py")
        for name in counted_in(path)
    }
    assert found.keys() >= {"trades", "stored", "killed", "undecodable"}
    unknown = {name: path for name, path in found.items() if name not in known}
    assert unknown == {}, "give each a row in web/counted.py"

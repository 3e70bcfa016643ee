"""``/metrics`` of an installation that works: every process, whoever answers, and it is true."""

import http.client
import json
import signal
from itertools import pairwise

import pytest
from websockets.sync.client import connect

from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.heartbeats import Heartbeats
from tests.surroundings import ANSWER_S
from tests.web.scraping import Scrape

pytestmark = pytest.mark.e2e

SCRAPES = 20
NEWS = 20


def scraped(stack: Stack) -> Scrape:
    """Return one answer, on a connection of its own: any web process may give it."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.settings.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Scrape(answer.read().decode())
    finally:
        connection.close()


def by_process(found: Scrape, name: str) -> dict[str, float]:
    """Return the samples of a name that has no label but the process."""
    return {labels["process"]: value for labels, value in found.samples(name)}


def test_every_program_is_up_in_every_answer(demo: Stack) -> None:
    programs = set(demo.pids())
    beating = programs - {"postgres"}
    everybody = dict.fromkeys(programs, 1)

    def all_up() -> list[Scrape]:
        found = [scraped(demo) for _ in range(SCRAPES)]
        up = [by_process(one, "tickwire_process_up") for one in found]
        return found if up == [everybody] * SCRAPES else []

    for found in eventually(all_up, within=30):
        for name in ("resident_memory_bytes", "start_time_seconds", "cpu_seconds_total"):
            values = by_process(found, f"tickwire_process_{name}")
            assert values.keys() == beating
            assert min(values.values()) > 0


def test_what_only_rises_does_so_whoever_answers(demo: Stack) -> None:
    answers = []
    for _ in range(3):
        before = sum(value for _, value in scraped(demo).samples("tickwire_trades_total"))

        def rose(before: float = before) -> bool:
            samples = scraped(demo).samples("tickwire_trades_total")
            return sum(value for _, value in samples) > before + 200

        eventually(rose, within=10)
        answers.append(scraped(demo).rising())
    for earlier, later in pairwise(answers):
        assert earlier.keys() <= later.keys()
        assert {
            key: (earlier[key], later[key]) for key in earlier if later[key] < earlier[key]
        } == {}
        assert later != earlier


def test_the_trades_are_those_of_the_feeds(demo: Stack) -> None:
    with demo.at_rest(), Heartbeats(demo.settings.run_dir) as heard:
        feeds = {f"feed-{exchange}" for exchange in demo.settings.feeds}
        eventually(lambda: heard.take().keys() >= feeds | {"persister"}, within=10)
        beats = heard.take()
        found = scraped(demo)
        for exchange in demo.settings.feeds:
            trades = beats[f"feed-{exchange}"].counters["trades"]
            assert found.value("tickwire_trades_total", exchange=exchange) == trades > 0
            labels = {"exchange": exchange, "state": "connected"}
            assert found.value("tickwire_feed_state", **labels) == 1
            for symbol in demo.settings.feeds[exchange]:
                (stale,) = [
                    value
                    for labels, value in found.samples("tickwire_symbol_stale")
                    if labels == {"exchange": exchange, "symbol": symbol}
                ]
                assert stale == 0
        stored = beats["persister"].counters["stored"]
        assert found.value("tickwire_stored_trades_total", process="persister") == stored > 0


def test_what_a_client_is_sent_is_counted_and_timed(demo: Stack) -> None:
    def total(name: str) -> float:
        return sum(value for _, value in scraped(demo).samples(f"tickwire_{name}"))

    def open_now() -> float:
        samples = scraped(demo).samples("tickwire_connections")
        return sum(value for labels, value in samples if labels["stream"] == "ws")

    before = {
        name: total(name) for name in ("broadcast_latency_seconds_count", "messages_sent_total")
    }
    eventually(lambda: open_now() == 0, within=10)  # of an earlier test's the last beat may tell
    with connect(demo.ws_url) as client:
        client.send(json.dumps({"type": "subscribe", "payload": {"symbols": "*"}}))
        for _ in range(NEWS):
            client.recv(timeout=10)
        eventually(lambda: open_now() == 1, within=10)
        eventually(
            lambda: total("messages_sent_total") >= before["messages_sent_total"] + NEWS, within=10
        )
        name = "broadcast_latency_seconds_count"
        eventually(lambda: total(name) > before[name], within=10)
    eventually(lambda: open_now() == 0, within=10)
    measured = total("broadcast_latency_seconds_sum") / total("broadcast_latency_seconds_count")
    assert 0 < measured < 2


def test_a_process_that_hangs_is_late_and_one_that_died_was_restarted(demo: Stack) -> None:
    labels = {"process": "tap"}
    restarts = scraped(demo).value("tickwire_process_restarts_total", **labels)
    old = demo.pid("tap")
    demo.kill("tap", signal.SIGSTOP)
    try:
        eventually(lambda: scraped(demo).value("tickwire_process_late", **labels) == 1, within=10)
        found = scraped(demo)
        assert found.value("tickwire_process_up", **labels) == 0
        assert by_process(found, "tickwire_process_late")["persister"] == 0
        assert "tap" not in by_process(found, "tickwire_process_resident_memory_bytes")
        assert "tap" in by_process(found, "tickwire_process_cpu_seconds_total")
    finally:
        demo.kill("tap", signal.SIGCONT)
    eventually(lambda: scraped(demo).value("tickwire_process_up", **labels) == 1, within=10)
    demo.kill("tap")
    demo.wait_back("tap", old, within=20)
    name = "tickwire_process_restarts_total"
    eventually(lambda: scraped(demo).value(name, **labels) == restarts + 1, within=10)
    eventually(lambda: scraped(demo).value("tickwire_process_up", **labels) == 1, within=10)


def test_the_status_shows_only_plain_counters(demo: Stack) -> None:
    _, status = demo.get("/api/status")
    names = [name for process in status["processes"] for name in process["counters"]]
    assert "messages" in names
    assert [name for name in names if "{" in name] == []

"""Status, health, and what the routes do without their database."""

from pathlib import Path

import pytest

from bus.actor import instant
from bus.messages import Heartbeat, ProgramState, ProgramTable
from tests.web.fix_api import Api, wall
from tests.web.messages import status, ticker
from tests.web.stack import NO_DATABASE


def test_without_a_database_only_history_is_away(without_database: Api) -> None:
    without_database.tell(status(), ticker(ts_recv=wall()))
    for answer in without_database.at_once(
        [
            ("/api/averages", {"pair": "ETHUSDT"}),
            ("/api/candles", {"symbol": "ETHUSDT"}),
            ("/api/trades", {"symbol": "ETHUSDT"}),
            ("/api/prices/ETHUSDT/history", {}),
            ("/prices/ETHUSDT/history", {}),
            ("/health/ready", {}),
        ]
    ):
        assert answer.status == 503
        assert answer.error["code"] == "SERVICE_UNAVAILABLE"
        assert int(answer.headers["retry-after"]) > 0
    for path in (
        *("/api/last", "/api/latest", "/api/prices", "/api/market/price/bitcoin", "/api/symbols"),
        *("/api/markets", "/api/status", "/health", "/health/live", "/"),
    ):
        assert without_database.get(path).status == 200


def test_a_database_without_tables_yet_is_away_too(tmp_path: Path, empty_database: str) -> None:
    api = Api(tmp_path, empty_database)
    assert api.get("/api/averages", {"pair": "ETHUSDT"}).status == 503
    assert api.get("/api/candles", {"symbol": "ETHUSDT"}).status == 503
    assert api.get("/api/trades", {"symbol": "ETHUSDT"}).status == 503
    assert api.get("/prices/ETHUSDT/history").status == 503
    assert "the database has no tables yet" in api.get("/health/ready").error["message"]


def test_ready_wants_a_database_and_a_feed_with_data(api: Api) -> None:
    answer = api.get("/health/ready")
    assert answer.status == 503
    assert answer.error["message"] == "no feed has data"
    api.tell(status(), ticker(ts_recv=wall()))
    assert api.get("/health/ready").json == {"status": "ready"}


def test_health_has_the_published_fields(without_database: Api) -> None:
    health = without_database.get("/health").json
    assert list(health) == ["status", "timestamp", "uptime", "memory"]
    assert health["status"] == "ok"
    assert abs(health["timestamp"] - wall() // 1000) < 5000


def beat(program: str, pid: int, ts: int, **counters: int | float) -> Heartbeat:
    return Heartbeat(program, pid, ts, 1_000_000, "ready", counters, 1000, 5, {}, lag_us=1500)


def test_status_puts_programs_and_heartbeats_together(without_database: Api) -> None:
    now = wall()
    without_database.tell(
        ProgramTable(
            now,
            [
                ProgramState("feed-binance", "RUNNING", 11, now - 60_000_000, 2, ""),
                ProgramState("tap", "BACKOFF", 0, now, 5, "Exited too quickly"),
                ProgramState("persister", "RUNNING", 13, now, 0, ""),
            ],
        ),
        beat("feed-binance", 11, now - 1_000_000, trades=100),
        beat("feed-binance", 11, now, trades=350),
        beat("persister", 12, now),
        beat("alone", 14, now),
        status(),
    )
    found = without_database.get("/api/status").json
    assert (found["version"], found["simulated"]) == ("1.2.3", False)
    assert found["symbols"][0] == {
        "exchange": "coinbase",
        "symbol": "BTC-USD",
        "decimals": None,
    }
    assert found["feeds"][0]["exchange"] == "binance"
    assert found["disk"]["free_bytes"] > 0
    processes = {each["name"]: each for each in found["processes"]}
    feed = processes["feed-binance"]
    assert (feed["pid"], feed["state"], feed["restarts"]) == (11, "ready", 2)
    assert (feed["rate"], feed["lag_ms"], feed["rss_bytes"]) == (250, 1.5, 1000)
    assert feed["uptime_s"] >= 60
    assert feed["since"] is None
    assert processes["tap"]["since"] == now // 1000
    assert found["replay"] is False
    assert (processes["tap"]["state"], processes["tap"]["pid"]) == ("backoff", None)
    assert processes["tap"]["last_error"] == "Exited too quickly"
    # Its heartbeat is of the process before this one.
    assert (processes["persister"]["state"], processes["persister"]["pid"]) == ("running", 13)
    assert processes["alone"]["state"] == "ready"


def test_a_state_is_told_with_the_moment_at_which_it_began(without_database: Api) -> None:
    now = wall()
    second = 1_000_000

    def told(state: str, started: int, ts: int) -> int | None:
        without_database.tell(Heartbeat("persister", 7, ts, started, state, {}, 1, 1, {}))
        (found,) = without_database.get("/api/status").json["processes"]
        assert found["state"] == state
        since: int | None = found["since"]
        return since

    old = now - 3600 * second
    assert told("ready", old, now) is None
    assert told("ready", old, now + second) is None
    assert told("waiting: database", old, now + 2 * second) == now // 1000 + 2000
    assert told("waiting: database", old, now + 3 * second) == now // 1000 + 2000
    # Started again, it waits from its start.
    started = now + 4 * second
    assert told("waiting: database", started, started + second) == started // 1000


def test_what_a_process_did_last_is_not_what_it_does_while_it_is_late(tmp_path: Path) -> None:
    api = Api(tmp_path, NO_DATABASE)
    now = wall()
    long_ago = instant()._replace(mono=instant().mono - 10_000_000)
    for ts, trades in ((now - 1_000_000, 100), (now, 350)):
        api.hub.message(beat("feed-binance", 11, ts, trades=trades), long_ago)
    (found,) = api.get("/api/status").json["processes"]
    assert (found["state"], found["since"]) == ("late", now // 1000)
    assert (found["rate"], found["lag_ms"], found["queue"]) == (None, None, None)
    assert found["rss_bytes"] == 1000


def test_the_rate_of_the_tap_is_of_messages_whoever_wants_trades(without_database: Api) -> None:
    now = wall()
    without_database.tell(beat("tap", 9, now - 2_000_000, messages=100))
    without_database.tell(beat("tap", 9, now - 1_000_000, messages=400))
    without_database.tell(beat("tap", 9, now, messages=900, trades=20))
    (found,) = without_database.get("/api/status").json["processes"]
    assert found["rate"] == 500


def test_what_the_persister_stores_is_its_rate(without_database: Api) -> None:
    now = wall()
    without_database.tell(
        beat("persister", 7, now - 1_000_000, stored=100), beat("persister", 7, now, stored=160)
    )
    (found,) = without_database.get("/api/status").json["processes"]
    assert found["rate"] == 60


@pytest.mark.parametrize(("played", "replay"), [(0, False), (2, True)])
def test_a_recording_that_is_played_is_said(
    without_database: Api, played: int, replay: bool
) -> None:
    without_database.tell(beat("simulator", 7, wall(), played=played))
    assert without_database.get("/api/status").json["replay"] is replay

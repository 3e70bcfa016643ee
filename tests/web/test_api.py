"""The HTTP routes, over a real database and a hub that was told real messages."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from bus.actor import instant
from bus.heartbeat import Health
from bus.log import Log
from bus.messages import Heartbeat, ProgramState, ProgramTable, Trade
from bus.settings import Settings
from market import candle as candles
from market.symbols import Directory
from store import candles as stored
from store.pool import Connection, open_pool
from tests.web.asgi import Answer, ask
from tests.web.messages import FEEDS, average, candle, status, ticker
from tests.web.stack import NO_DATABASE
from web.app import build
from web.hub import Hub
from web.services import Services
from web.sessions import Sessions

MINUTE = 60_000_000
HOUR = 3_600_000_000


def wall() -> int:
    return time.time_ns() // 1000


def moments() -> tuple[int, int]:
    """This hour's beginning and this moment, never so near its end that it ends meanwhile."""
    now = wall()
    return now // HOUR * HOUR, now


class Api:
    """An application on a database, asked synchronously."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self._dsn = dsn
        self._settings = Settings(data_dir=folder, feeds=FEEDS)
        self.hub = Hub(stale_after_s=15)

    def get(self, path: str, query: dict[str, str] | None = None) -> Answer:
        async def one() -> Answer:
            pool = await open_pool(self._dsn, 2)
            try:
                return await ask(self._app(pool), path, query or {})
            finally:
                await pool.close()

        return asyncio.run(one())

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.hub.message(message, instant())  # type: ignore[arg-type]

    def _app(self, pool: object) -> Callable[..., Awaitable[None]]:
        services = Services(
            self._settings,
            Health("web-1"),
            self.hub,
            Sessions(self.hub),
            Directory(FEEDS),
            pool,  # type: ignore[arg-type]
            "1.2.3",
        )
        return build(services, Log("tests"))


@pytest.fixture
def api(tmp_path: Path, database: str) -> Api:
    return Api(tmp_path, database)


@pytest.fixture
def without_database(tmp_path: Path) -> Api:
    return Api(tmp_path, NO_DATABASE)


@pytest.fixture
def records(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def trades(ts_event: int, *prices: str) -> list[Trade]:
    first = ts_event // 1000
    return [
        Trade("ETH-USDT", first + i, ts_event + i, ts_event, price, "2", "buy")
        for i, price in enumerate(prices)
    ]


def store(connection: Connection, *groups: list[Trade]) -> None:
    for group in groups:
        stored.merge(connection, "binance", candles.fold(group))


def iso(ts: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ts // 1_000_000))


def test_last_answers_from_memory_in_the_published_shape(without_database: Api) -> None:
    now = wall()
    without_database.tell(status(), ticker(price="2346.10", ts_event=now - 5, ts_recv=now))
    answer = without_database.get("/api/last")
    assert list(answer.json) == ["BTCUSD", "ETHUSD", "BTCUSDT", "ETHUSDT", "ETHBTC"]
    last = answer.json["ETHUSDT"]
    assert b'"price":2346.10' in answer.body
    assert last["ts"] == (now - 5) // 1000
    assert 0 <= last["age_ms"] < 5000
    assert last["stale"] is False
    assert answer.json["BTCUSD"] == {"price": None, "ts": None, "age_ms": None, "stale": False}


def test_last_of_some_symbols_in_any_spelling(without_database: Api) -> None:
    answer = without_database.get("/api/last", {"symbols": "eth-btc,BINANCE:ETHUSDT,bitcoin"})
    assert list(answer.json) == ["ETHBTC", "ETHUSDT", "BTCUSD"]
    answer = without_database.get("/api/last", {"symbols": "ETHBTC,NOPE"})
    assert answer.status == 404
    assert "NOPE" in answer.error["message"]


def test_averages_have_exactly_the_published_shape(api: Api, records: Connection) -> None:
    hour, _ = moments()
    begin = hour - 5 * HOUR
    store(records, trades(begin, "1"), trades(begin + HOUR, "10", "20", "40.5"))
    query = {"pair": "ETHUSDT", "from": iso(begin + HOUR), "to": iso(begin + 2 * HOUR)}
    answer = api.get("/api/averages", query)
    expected = {
        "pair": "ETHUSDT",
        "points": [{"t": iso(begin + HOUR), "avg": 23.5, "n": 3}],
    }
    assert answer.json == expected


def test_averages_include_the_running_hour_from_memory(api: Api, records: Connection) -> None:
    hour, now = moments()
    store(records, trades(hour - 2 * HOUR, "1"), trades(hour, "10"))
    api.tell(average(hour_start=hour, avg="15.000000000000", count=2))
    points = api.get("/api/averages", {"pair": "eth/usdt"}).json["points"]
    assert points[-1] == {"t": iso(hour), "avg": 15, "n": 2}
    api.tell(average(hour_start=hour - 24 * HOUR, avg="1", count=9, seq=2))
    query = {"pair": "ETHUSDT", "from": iso(hour), "to": iso(now + HOUR)}
    assert [p["t"] for p in api.get("/api/averages", query).json["points"]] == [iso(hour)]


def test_an_hour_that_began_before_the_data_is_partial(api: Api, records: Connection) -> None:
    hour, _ = moments()
    begin = hour - 3 * HOUR + 20 * MINUTE
    store(records, trades(begin, "1"), trades(hour - 2 * HOUR, "2"))
    points = api.get("/api/averages", {"pair": "ETHUSDT"}).json["points"]
    assert [point.get("partial") for point in points] == [True, None]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 400, "pair"),
        ({"pair": "NOPE"}, 404, "pair"),
        ({"pair": "ETHUSDT", "from": "yesterday"}, 400, "from"),
        ({"pair": "ETHUSDT", "to": "9" * 200}, 400, "to"),
        ({"pair": "ETHUSDT", "from": "1900-01-01T00:00Z"}, 400, "from"),
        ({"pair": "ETHUSDT", "from": "2025-10-02T00:00Z", "to": "2025-10-02T00:00Z"}, 400, "from"),
        ({"pair": "ETHUSDT", "from": "2025-09-01T00:00Z", "to": "2025-10-02T00:01Z"}, 400, "from"),
        ({"pair": "ETHUSDT'; DROP TABLE candle; --"}, 404, "pair"),
        ({"pair": "ETHUSDT\0"}, 404, "pair"),
        ({"pair": "ETHUSDT", "exchange": "nowhere"}, 404, "pair"),
    ],
)
def test_averages_refuse_what_they_cannot_answer(
    without_database: Api, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get("/api/averages", query)
    assert (answer.status, answer.error["field"]) == (status, field)


def test_candles_are_the_stored_ones_and_the_open_one(api: Api, records: Connection) -> None:
    now = wall()
    minute = now // MINUTE * MINUTE
    store(records, trades(minute - MINUTE, "10.50", "12", "9"), trades(minute, "100"))
    api.tell(candle(ts_open=minute, n=3, close="103"))
    answer = api.get("/api/candles", {"symbol": "ETHUSDT"})
    assert answer.json[0] == {
        "t": iso(minute - MINUTE),
        "o": 10.5,
        "h": 12,
        "l": 9,
        "c": 9,
        "v": 6,
        "n": 3,
        "vwap": 10.5,
        "closed": True,
        "revision": 3,
        "origin": "trades",
    }
    assert b'"o":10.50' in answer.body
    (live,) = answer.json[1:]
    assert (live["t"], live["n"], live["c"]) == (iso(minute), 3, 103)


def test_of_stored_and_live_the_candle_with_more_trades_is_answered(
    api: Api, records: Connection
) -> None:
    minute = wall() // MINUTE * MINUTE - 2 * MINUTE
    store(records, trades(minute, "100", "101", "102", "103"))
    api.tell(candle(ts_open=minute, n=3, close="900"))
    (row,) = api.get("/api/candles", {"symbol": "ETHUSDT"}).json
    assert (row["n"], row["c"]) == (4, 103)


def test_candles_in_a_half_open_range_newest_first_to_be_kept(
    api: Api, records: Connection
) -> None:
    minute = wall() // MINUTE * MINUTE - 100 * MINUTE
    store(records, *(trades(minute + i * MINUTE, str(i + 1)) for i in range(10)))
    query = {"symbol": "ETHUSDT", "from": iso(minute + MINUTE), "to": iso(minute + 5 * MINUTE)}
    assert [row["o"] for row in api.get("/api/candles", query).json] == [2, 3, 4, 5]
    limited = api.get("/api/candles", {**query, "limit": "2"}).json
    assert [row["o"] for row in limited] == [4, 5]


@pytest.mark.parametrize("interval", ["5m", "15m", "4h", "1w"])
def test_a_rolled_up_candle_has_all_its_parts_live_ones_included(
    api: Api, records: Connection, interval: str
) -> None:
    seconds = {"5m": 300, "15m": 900, "4h": 14400, "1w": 604800}[interval]
    base = {"5m": 60, "15m": 60, "4h": 3600, "1w": 86400}[interval]
    monday = 1_759_104_000_000_000  # 2025-09-29T00:00Z
    second = monday + base * 1_000_000
    store(records, trades(monday, "10", "20"), trades(second, "100"))
    api.tell(candle(ts_open=second, interval_s=base, n=3, close="103"))
    (row,) = api.get("/api/candles", {"symbol": "ETHUSDT", "interval": interval}).json
    assert row["t"] == iso(monday)
    assert (row["n"], row["o"], row["h"], row["c"]) == (5, 10, 103, 103)
    assert Decimal(str(row["v"])) == 4 + 3
    assert row["closed"] is (monday + seconds * 1_000_000 < wall())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "symbol"),
        ({"symbol": "ETHUSDT", "interval": "2m"}, "interval"),
        ({"symbol": "ETHUSDT", "limit": "0"}, "limit"),
        ({"symbol": "ETHUSDT", "limit": "10001"}, "limit"),
        ({"symbol": "ETHUSDT", "limit": "1" * 250}, "limit"),
        ({"symbol": "ETHUSDT", "from": "2025-10-02T00:00Z", "to": "2025-10-01T00:00Z"}, "from"),
        ({"symbol": "ETHUSDT", "to": "0001-01-01T00:00+14:00"}, "to"),
    ],
)
def test_candles_refuse_what_they_cannot_answer(
    without_database: Api, query: dict[str, str], field: str
) -> None:
    answer = without_database.get("/api/candles", query)
    assert (answer.status, answer.error["field"]) == (400, field)


def test_without_a_database_only_history_is_away(without_database: Api) -> None:
    without_database.tell(status(), ticker(ts_recv=wall()))
    for path, query in (
        ("/api/averages", {"pair": "ETHUSDT"}),
        ("/api/candles", {"symbol": "ETHUSDT"}),
        ("/health/ready", {}),
    ):
        answer = without_database.get(path, query)
        assert answer.status == 503
        assert answer.error["code"] == "SERVICE_UNAVAILABLE"
        assert int(answer.headers["retry-after"]) > 0
    for path in ("/api/last", "/api/status", "/health", "/health/live", "/"):
        assert without_database.get(path).status == 200


def test_a_database_without_tables_yet_is_away_too(tmp_path: Path, empty_database: str) -> None:
    api = Api(tmp_path, empty_database)
    assert api.get("/api/averages", {"pair": "ETHUSDT"}).status == 503
    assert api.get("/api/candles", {"symbol": "ETHUSDT"}).status == 503
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
    assert found["symbols"][0] == {"exchange": "coinbase", "symbol": "BTC-USD"}
    assert found["feeds"][0]["exchange"] == "binance"
    assert found["disk"]["free_bytes"] > 0
    processes = {each["name"]: each for each in found["processes"]}
    feed = processes["feed-binance"]
    assert (feed["pid"], feed["state"], feed["restarts"]) == (11, "ready", 2)
    assert (feed["rate"], feed["lag_ms"], feed["rss_bytes"]) == (250, 1.5, 1000)
    assert feed["uptime_s"] >= 60
    assert (processes["tap"]["state"], processes["tap"]["pid"]) == ("backoff", None)
    assert processes["tap"]["last_error"] == "Exited too quickly"
    # Its heartbeat is of the process before this one.
    assert (processes["persister"]["state"], processes["persister"]["pid"]) == ("running", 13)
    assert processes["alone"]["state"] == "ready"

"""``GET /api/prices/{symbol}/history`` and ``GET /prices/{symbol}/history``."""

import msgspec
import pytest

from store.pool import Connection
from tests.web.fix_api import HOUR, MINUTE, Api, iso, store, trades, wall
from tests.web.messages import candle
from web.api.history import History

DAY = 24 * HOUR
PATHS = ("/api/prices/ETH-USDT/history", "/prices/ETH-USDT/history")


@pytest.mark.parametrize("path", PATHS)
def test_both_paths_answer_exactly_the_published_shape(
    api: Api, records: Connection, path: str
) -> None:
    minute = wall() // MINUTE * MINUTE - 60 * MINUTE
    store(records, trades(minute, "10", "12.50", "9", "11"), trades(minute + 2 * MINUTE, "20"))
    query = {"from": iso(minute), "to": iso(minute + 10 * MINUTE)}
    answer = api.get(path, query)
    assert answer.json == {
        "symbol": "ETH-USDT",
        "exchange": "binance",
        "from": iso(minute),
        "to": iso(minute + 10 * MINUTE),
        "step_s": 60,
        "points": [
            {"t": iso(minute), "price": 11, "high": 12.5, "low": 9, "volume": 8},
            {"t": iso(minute + 2 * MINUTE), "price": 20, "high": 20, "low": 20, "volume": 2},
        ],
    }
    assert b'"high":12.50' in answer.body


def test_a_day_by_default_in_five_minute_steps_with_the_live_price_last(
    api: Api, records: Connection
) -> None:
    now = wall()
    minute = now // MINUTE * MINUTE
    hours = [trades(minute - 60 * MINUTE * back, str(100 + back)) for back in range(30)]
    store(records, *hours)
    api.tell(candle(ts_open=minute, n=3, close="777"))
    answer = api.get("/prices/ETH/history", {"exchange": "binance"})
    found = msgspec.json.decode(answer.body, type=History)
    assert (found.symbol, found.exchange, found.step_s) == ("ETH-USDT", "binance", 300)
    assert 23 <= len(found.points) <= 25
    assert [point.t for point in found.points] == sorted(point.t for point in found.points)
    assert found.points[-1].price == 777


@pytest.mark.parametrize("points", [2, 7, 100, 5000])
def test_there_are_never_more_points_than_asked_for(
    api: Api, records: Connection, points: int
) -> None:
    minute = wall() // MINUTE * MINUTE - 3 * DAY
    store(records, *(trades(minute + n * 7 * MINUTE, "5") for n in range(400)))
    query = {"from": iso(minute - MINUTE), "to": iso(minute + 3 * DAY), "points": str(points)}
    found = msgspec.json.decode(api.get(PATHS[0], query).body, type=History)
    assert 1 <= len(found.points) <= points
    assert found.step_s % 60 == 0
    whole = msgspec.json.decode(api.get(PATHS[0], {**query, "points": "5000"}).body, type=History)
    if points == 5000:
        assert len(found.points) == len(whole.points) == 400


def test_a_range_of_centuries_is_as_fine_as_what_is_stored(api: Api, records: Connection) -> None:
    minute = wall() // MINUTE * MINUTE - 100 * MINUTE
    store(records, *(trades(minute + n * MINUTE, "5") for n in range(100)))
    query = {"from": "1970-01-01T00:00Z", "to": "9999-12-31T23:59:59.999999Z"}
    found = msgspec.json.decode(api.get(PATHS[0], query).body, type=History)
    assert (found.step_s, len(found.points)) == (60, 100)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"from": "1970-01-01T00:00Z", "to": "1970-01-01T00:01Z"},
        {"from": "9999-12-31T23:58Z", "to": "9999-12-31T23:59Z"},
        {"from": "9999-12-31T23:59:59.999998Z", "to": "9999-12-31T23:59:59.999999Z", "points": "2"},
    ],
)
def test_a_range_without_data_has_no_points(
    api: Api, records: Connection, query: dict[str, str]
) -> None:
    assert api.get(PATHS[0], query).json["points"] == []
    store(records, trades(wall() - 40 * DAY, "5"))
    assert api.get(PATHS[0], query).json["points"] == []


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("/prices/NOPE/history", {}, 404, "symbol"),
        ("/prices/ETH-USDT\0/history", {}, 404, "symbol"),
        ("/prices/é‮/history", {}, 404, "symbol"),
        ("/prices/ETH/history", {"points": "1"}, 400, "points"),
        ("/prices/ETH/history", {"points": "5001"}, 400, "points"),
        ("/prices/ETH/history", {"points": "1.5"}, 400, "points"),
        ("/prices/ETH/history", {"from": "0001-01-01T00:00Z"}, 400, "from"),
        ("/prices/ETH/history", {"to": "9999-12-31T23:59:59-00:01"}, 400, "to"),
        (
            "/prices/ETH/history",
            {"from": "9999-12-31T23:00:00-10:00", "to": "9999-12-31T23:59:59-23:59"},
            400,
            "to",
        ),
        ("/prices/ETH/history", {"from": "2999-01-01T00:00Z"}, 400, "from"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    without_database: Api, path: str, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get(path, query)
    assert (answer.status, answer.error["field"]) == (status, field)


def test_every_spelling_may_stand_in_the_path(api: Api) -> None:
    for spelled in ("ethusdt", "ETH/USDT", "binance:ETH-USDT", "BINANCE:ETHUSDT"):
        assert api.get(f"/api/prices/{spelled}/history").json["symbol"] == "ETH-USDT"
    assert api.get("/prices/bitcoin/history").json["exchange"] == "coinbase"


@pytest.mark.parametrize(
    ("days", "step_s"), [(13, 300), (14, 3600), (100, 3600), (833, 14_400), (834, 86_400)]
)
def test_a_long_range_in_many_points_is_made_of_longer_stored_candles(
    api: Api, records: Connection, days: int, step_s: int
) -> None:
    now = wall()
    store(records, trades(now - days * DAY, "5"))
    query = {"from": iso(now - days * DAY), "to": iso(now), "points": "5000"}
    answer = api.get(PATHS[0], query).json
    assert (answer["step_s"], len(answer["points"])) == (step_s, 1)

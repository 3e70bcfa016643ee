"""``GET /api/averages``."""

import pytest

from store.pool import Connection
from tests.web.fix_api import HOUR, MINUTE, Api, iso, moments, store, trades
from tests.web.messages import average


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


def test_a_missing_pair_is_named(without_database: Api) -> None:
    error = without_database.get("/api/averages").error
    assert (error["code"], error["field"]) == ("BAD_REQUEST", "pair")
    assert "pair" in error["message"]
    assert "missing" in error["message"]


def test_averages_as_a_table(api: Api, records: Connection) -> None:
    hour, _ = moments()
    begin = hour - 3 * HOUR
    store(records, trades(begin, "1"), trades(begin + HOUR, "10", "20.50"))
    answer = api.get("/api/averages", {"pair": "ETHUSDT", "format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.body.decode().split("\r\n") == [
        "t,avg,n,partial",
        f"{iso(begin)},1.000000000000,1,true",
        f"{iso(begin + HOUR)},15.250000000000,2,",
        "",
    ]
    empty = api.get("/api/averages", {"pair": "BTCUSDT", "format": "csv"})
    assert empty.body == b"t,avg,n,partial\r\n"

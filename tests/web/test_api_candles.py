"""``GET /api/candles``."""

from decimal import Decimal

import msgspec
import pytest

from bus.messages import Trade
from store.pool import Connection
from store.retention import prune_trades
from store.trades import copy
from tests.web.fix_api import HOUR, MINUTE, Api, iso, store, trades, wall
from tests.web.messages import candle
from web import cursors
from web.frames.native import CandleRow


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
        "partial": True,
    }
    assert b'"o":10.50' in answer.body
    (live,) = answer.json[1:]
    assert (live["t"], live["n"], live["c"]) == (iso(minute), 3, 103)


def test_without_sizes_the_volume_is_0_and_there_is_no_vwap(api: Api, records: Connection) -> None:
    minute = wall() // MINUTE * MINUTE - 2 * MINUTE
    store(records, [Trade("ETH-USDT", minute, minute, minute, "10.5", None, None)])
    query = {"symbol": "ETHUSDT", "to": iso(minute + MINUTE)}
    (row,) = api.get("/api/candles", query).json
    assert (row["c"], row["v"], row["n"], row["vwap"]) == (10.5, 0, 1, None)
    _, line, *_ = api.get("/api/candles", {**query, "format": "csv"}).body.decode().splitlines()
    assert line.split(",")[4:8] == ["10.5", "0", "1", ""]


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


def test_a_page_rises_and_its_cursor_leads_to_older_candles(api: Api, records: Connection) -> None:
    minute = wall() // MINUTE * MINUTE - 20 * MINUTE
    store(records, *(trades(minute + i * MINUTE, str(i + 1)) for i in range(10)))
    api.tell(candle(ts_open=minute + 10 * MINUTE, n=3, close="103"))
    query = {"symbol": "ETHUSDT", "limit": "4"}
    pages: list[list[int]] = []
    cursor = ""
    while not pages or cursor:
        answer = api.get("/api/candles", {**query, "cursor": cursor})
        pages.append([row["o"] for row in answer.json])
        cursor = answer.headers.get("x-next-cursor", "")
    assert pages == [[8, 9, 10, 100], [4, 5, 6, 7], [1, 2, 3]]
    within = {**query, "from": iso(minute + MINUTE), "limit": "10"}
    assert "x-next-cursor" not in api.get("/api/candles", within).headers


@pytest.mark.parametrize("interval", ["5m", "4h", "1w"])
def test_pages_of_rolled_up_candles_are_the_whole_range(
    api: Api, records: Connection, interval: str
) -> None:
    seconds = {"5m": 300, "4h": 14400, "1w": 604800}[interval]
    monday = 1_759_104_000_000_000
    store(records, *(trades(monday + i * seconds * 500_000, str(i + 1)) for i in range(9)))
    query = {"symbol": "ETHUSDT", "interval": interval}
    whole = api.get("/api/candles", query).json
    pages: list[list[object]] = []
    cursor = ""
    while not pages or cursor:
        answer = api.get("/api/candles", {**query, "limit": "2", "cursor": cursor})
        pages.insert(0, answer.json)
        cursor = answer.headers.get("x-next-cursor", "")
    assert [row for page in pages for row in page] == whole
    assert [len(page) for page in pages] == [1, 2, 2]


@pytest.mark.parametrize("limit", [{}, {"limit": "10000"}])
def test_a_page_of_rolled_up_candles_is_made_of_so_many_stored_ones_and_no_more(
    api: Api, records: Connection, limit: dict[str, str]
) -> None:
    monday, quarters = 1_759_104_000_000_000, 1_400
    store(records, trades(monday, "10"))
    records.execute(MORE_MINUTES, [quarters * 15 - 1])
    query = {"symbol": "ETHUSDT", "interval": "15m", "from": iso(monday), **limit}
    first = api.get("/api/candles", query)
    cursor = first.headers["x-next-cursor"]
    rest = api.get("/api/candles", {**query, "cursor": cursor})
    assert (len(first.json), len(rest.json)) == (20_000 // 15, quarters - 20_000 // 15)
    assert "x-next-cursor" not in rest.headers
    rows = rest.json + first.json
    assert [row["t"] for row in rows] == [iso(monday + i * 15 * MINUTE) for i in range(quarters)]
    assert {row["n"] for row in rows} == {15}


MORE_MINUTES = """
INSERT INTO candle
SELECT (jsonb_populate_record(candle, jsonb_build_object(
    'ts_open', ts_open + minute * interval '1 minute'))).*
FROM candle, generate_series(1, %s) AS minute
WHERE interval_s = 60
"""
"""As many candles of a minute after the only one, each like it."""


def test_candles_as_a_table_have_the_columns_of_the_list(api: Api, records: Connection) -> None:
    minute = wall() // MINUTE * MINUTE
    store(records, trades(minute - MINUTE, "10.50", "12"))
    records.execute("UPDATE candle SET volume = 0, sum_pq = 0")
    answer = api.get("/api/candles", {"symbol": "ETHUSDT", "format": "csv"})
    names = list(api.get("/api/candles", {"symbol": "ETHUSDT"}).json[0])
    header, row, rest = answer.body.decode().split("\r\n")
    assert (header, rest) == (",".join(names), "")
    assert row == f"{iso(minute - MINUTE)},10.50,12,10.50,12,0,2,,true,2,trades,true"


@pytest.mark.parametrize(("interval", "partial"), [("1m", [True, False]), ("1h", [True])])
def test_the_candle_in_which_the_data_begin_is_partial(
    api: Api, records: Connection, interval: str, partial: list[bool]
) -> None:
    hour = wall() // HOUR * HOUR - HOUR
    store(records, trades(hour + 5 * MINUTE, "1"), trades(hour + 6 * MINUTE, "2"))
    rows = api.get("/api/candles", {"symbol": "ETHUSDT", "interval": interval}).json
    assert [row["partial"] for row in rows] == partial


@pytest.mark.parametrize(
    ("state", "interval", "partial"),
    [
        ("open", "1m", [False, True, True, False]),
        ("unfillable", "1m", [False, True, True, False]),
        ("filled", "1m", [False, False, False, False]),
        ("open", "5m", [True]),
    ],
)
def test_a_candle_that_a_gap_reaches_into_is_partial_until_it_is_filled(
    api: Api, records: Connection, state: str, interval: str, partial: list[bool]
) -> None:
    hour = wall() // HOUR * HOUR - HOUR
    groups = [trades(hour + minute * MINUTE, "1", "2") for minute in range(4)]
    store(records, trades(hour - HOUR, "1"), *groups)
    copy(records, "binance", [one for group in groups for one in group])
    last, following = groups[1][-1].trade_id, groups[2][0].trade_id
    records.execute(
        "INSERT INTO gap (exchange, symbol, series, first_id, last_id, reason, state)"
        " VALUES ('binance', 'ETH-USDT', 0, %s, %s, 'a test', %s)",
        [last + 1, following - 1, state],
    )
    assert prune_trades(records, 1)[0] == 7  # all but the newest: their minutes know when it was
    query = {"symbol": "ETHUSDT", "interval": interval, "from": iso(hour)}
    rows = api.get("/api/candles", query).json
    assert [row["partial"] for row in rows] == partial
    (point,) = api.get("/api/averages", {"pair": "ETHUSDT", "from": iso(hour)}).json["points"]
    assert point.get("partial", False) is (state != "filled")


def test_what_is_written_by_hand_is_the_documented_type(api: Api, records: Connection) -> None:
    closed, running = wall() // HOUR * HOUR - HOUR, wall() // MINUTE * MINUTE + MINUTE
    store(records, trades(closed, "10.50", "12"), trades(running, "7"))
    body = api.get("/api/candles", {"symbol": "ETHUSDT"}).body
    rows = msgspec.json.decode(body, type=list[CandleRow])
    assert [(row.c, row.closed) for row in rows] == [(Decimal(12), True), (Decimal(7), False)]
    assert msgspec.json.Encoder(decimal_format="number").encode(rows) == body


@pytest.mark.parametrize("cursor", ["x", cursors.pack(-1), cursors.pack("1"), cursors.pack(1, 2)])
def test_a_cursor_of_somebody_else_is_refused(without_database: Api, cursor: str) -> None:
    answer = without_database.get("/api/candles", {"symbol": "ETHUSDT", "cursor": cursor})
    assert (answer.status, answer.error["field"]) == (400, "cursor")

"""``GET /api/gaps`` and ``GET /api/quality``."""

from typing import Any

import pytest
from msgspec.structs import replace

from bus.messages import FeedStatus, Gap, SymbolStatus
from store import gaps as stored
from store.instants import text
from store.pool import Connection
from tests.web.fix_api import MINUTE, Api, wall
from tests.web.messages import FEEDS, HOUR, status, ticker
from web import cursors

ALL = [f"{exchange}:{symbol}" for exchange in FEEDS for symbol in FEEDS[exchange]]


def opened(records: Connection, exchange: str, *found: Gap, at: int = HOUR) -> None:
    """Open gaps at a moment, µs UTC."""
    stored.open(records, exchange, found, "ids are missing")
    for gap in found:
        records.execute(
            "UPDATE gap SET opened_at = %s WHERE exchange = %s AND symbol = %s AND first_id = %s",
            [text(at), exchange, gap.symbol, gap.first_id],
        )


def firsts(api: Api, **query: str) -> list[int]:
    """The first ids of an answer, in its order."""
    return [row["first_id"] for row in api.get("/api/gaps", query).json]


def told(exchange: str, *symbols: SymbolStatus, gapless: bool = True) -> FeedStatus:
    """What a feed says of these symbols."""
    return replace(status(exchange), symbols=list(symbols), gapless=gapless)


def quality(api: Api, name: str) -> dict[str, Any]:
    """The row of one symbol, ``exchange:symbol``."""
    rows: list[dict[str, Any]] = api.get("/api/quality").json
    return next(row for row in rows if f"{row['exchange']}:{row['symbol']}" == name)


def test_gaps_come_newest_first_in_exactly_the_documented_shape(
    api: Api, records: Connection
) -> None:
    opened(records, "binance", Gap("ETH-USDT", 10, 12), at=HOUR)
    opened(records, "coinbase", Gap("BTC-USD", 7, 7, 1), at=HOUR + MINUTE)
    stored.close(records, "binance", [Gap("ETH-USDT", 10, 12)], "filled")
    records.execute(
        "UPDATE gap SET closed_at = %s WHERE state = 'filled'", [text(HOUR + 1_234_567)]
    )
    answer = api.get("/api/gaps")
    assert answer.json == [
        {
            "exchange": "coinbase",
            "symbol": "BTC-USD",
            "series": 1,
            "first_id": 7,
            "last_id": 7,
            "ids": 1,
            "state": "open",
            "reason": "ids are missing",
            "opened_at": "2025-10-01T14:01:00.000Z",
            "closed_at": None,
        },
        {
            "exchange": "binance",
            "symbol": "ETH-USDT",
            "series": 0,
            "first_id": 10,
            "last_id": 12,
            "ids": 3,
            "state": "filled",
            "reason": "ids are missing",
            "opened_at": "2025-10-01T14:00:00.000Z",
            "closed_at": "2025-10-01T14:00:01.234Z",
        },
    ]
    assert "link" not in answer.headers


def test_only_gaps_that_are_asked_for(api: Api, records: Connection) -> None:
    opened(records, "binance", Gap("ETH-USDT", 1, 1), Gap("ETH-BTC", 2, 2), Gap("ETH-USDT", 3, 3))
    opened(records, "coinbase", Gap("ETH-USD", 4, 4), Gap("OLD-USD", 5, 5))
    stored.close(records, "binance", [Gap("ETH-USDT", 3, 3)], "unfillable")
    assert firsts(api) == [5, 4, 3, 1, 2]
    assert firsts(api, state="all") == firsts(api, state="") == [5, 4, 3, 1, 2]
    assert firsts(api, state="open") == [5, 4, 1, 2]
    assert firsts(api, state="filled") == []
    assert firsts(api, state="unfillable", exchange="BINANCE") == [3]
    assert firsts(api, exchange="coinbase") == [5, 4]
    assert firsts(api, symbol="ethusdt") == [3, 1]
    assert firsts(api, symbol="ETH", exchange="coinbase") == [4]


def test_pages_have_every_gap_once(api: Api, records: Connection) -> None:
    for number in range(0, 30, 3):
        many = [Gap("ETH-USDT", number + more, number + more) for more in range(3)]
        opened(records, "binance", *many, at=HOUR + number)
    found: list[int] = []
    path, query = "/api/gaps", "limit=4&state=open"
    while path:
        answer = api.get(path, query)
        assert len(answer.json) <= 4
        found += [row["first_id"] for row in answer.json]
        address = answer.headers.get("link", "").partition(">")[0].lstrip("<")
        path, _, query = address.partition("?")
    assert found == list(range(29, -1, -1))


POSITION = (HOUR, "binance", "ETH-USDT", 0, 5, 5)
FOREIGN = (
    "x",
    "é",
    cursors.pack(1),
    cursors.pack(*POSITION[:5]),
    cursors.pack(-1, *POSITION[1:]),
    cursors.pack(HOUR, "bin\0ance", *POSITION[2:]),
    cursors.pack(HOUR, "binance", "\0", 0, 5, 5),
    cursors.pack(*POSITION[:3], 1 << 31, 5, 5),
    cursors.pack(*POSITION[:4], 1 << 63, 5),
    cursors.pack(*POSITION[:5], 1.5),
)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"state": "closed"}, 400, "state"),
        ({"state": "null"}, 400, "state"),
        ({"limit": "0"}, 400, "limit"),
        ({"limit": "1001"}, 400, "limit"),
        ({"exchange": "nowhere"}, 404, "exchange"),
        ({"exchange": "binance\0"}, 404, "exchange"),
        ({"symbol": "NOPE"}, 404, "symbol"),
        ({"symbol": "ETH", "exchange": "nowhere"}, 404, "symbol"),
        *(({"cursor": text}, 400, "cursor") for text in FOREIGN),
    ],
)
def test_gaps_that_cannot_be_had_are_refused(
    without_database: Api, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get("/api/gaps", query)
    assert (answer.status, answer.error["field"]) == (status, field)


def test_a_cursor_at_the_edge_of_what_can_be_is_answered(api: Api, records: Connection) -> None:
    opened(records, "binance", Gap("ETH-USDT", 5, 5))
    least = (0, "", "", -(1 << 31), -(1 << 63), -(1 << 63))
    most = (253_402_300_799_999_999, "\U0010ffff", "é", (1 << 31) - 1, (1 << 63) - 1, (1 << 63) - 1)
    assert firsts(api, cursor=cursors.pack(*least)) == []
    assert firsts(api, cursor=cursors.pack(*POSITION)) == []
    assert firsts(api, cursor=cursors.pack(*most)) == [5]


def test_gaps_need_the_database_and_quality_does_not(without_database: Api) -> None:
    answer = without_database.get("/api/gaps")
    assert (answer.status, answer.error["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert without_database.get("/api/quality").status == 200


def test_quality_is_what_the_feed_says_in_exactly_the_documented_shape(
    without_database: Api,
) -> None:
    known = SymbolStatus(
        "ETH-USDT",
        "live",
        wall() - 1_000,
        3,
        duplicates=2,
        quarantined=1,
        gaps_open=3,
        missing=40,
        gaps_filled=5,
        gaps_unfillable=6,
        lag_p50_us=12_345,
        lag_p99_us=-1_500,
    )
    without_database.tell(told("binance", known))
    found = quality(without_database, "binance:ETH-USDT")
    assert 1 <= found.pop("age_ms") < 60_000
    assert found == {
        "exchange": "binance",
        "symbol": "ETH-USDT",
        "state": "live",
        "stale": False,
        "gaps_open": 3,
        "missing": 40,
        "gaps_filled": 5,
        "gaps_unfillable": 6,
        "duplicates": 2,
        "quarantined": 1,
        "lag_p50_ms": 12.345,
        "lag_p99_ms": -1.5,
        "gapless": True,
        "listed": None,
        "nearest": None,
        "stands_in_for": None,
    }


def test_a_symbol_that_stands_by_says_for_whom_and_its_old_price_is_stale(
    without_database: Api,
) -> None:
    old = wall() - 60_000_000
    standby = SymbolStatus("ETH-USDT", "standby", old, 3, stands_in_for="coinbase:ETH-USD")
    without_database.tell(told("binance", standby))
    without_database.tell(ticker(ts_recv=old))
    found = quality(without_database, "binance:ETH-USDT")
    assert (found["state"], found["stands_in_for"]) == ("standby", "coinbase:ETH-USD")
    assert found["stale"] is True
    (feed,) = without_database.get("/api/status").json["feeds"]
    assert feed["symbols"][0]["stands_in_for"] == "coinbase:ETH-USD"
    assert without_database.get("/api/last").json["ETHUSDT"]["stale"] is True


def test_a_symbol_that_is_not_listed_names_the_one_that_is_spelled_most_alike(
    without_database: Api,
) -> None:
    wrong = SymbolStatus("ETH-BTC", "never received", None, 0, False, nearest="ETH-BNB")
    without_database.tell(told("binance", wrong))
    found = quality(without_database, "binance:ETH-BTC")
    assert (found["state"], found["listed"], found["nearest"]) == (
        *("never received", False, "ETH-BNB"),
    )
    (feed,) = without_database.get("/api/status").json["feeds"]
    assert (feed["symbols"][0]["listed"], feed["symbols"][0]["nearest"]) == (False, "ETH-BNB")


def test_what_no_feed_has_told_is_null(without_database: Api) -> None:
    never = SymbolStatus("ETH-BTC", "never received", None, 0)
    without_database.tell(told("binance", never, gapless=False))
    for name in ("coinbase:ETH-USD", "binance:BTC-USDT"):
        found = quality(without_database, name)
        exchange, _, symbol = name.partition(":")
        known = {"exchange": exchange, "symbol": symbol, "stale": False}
        assert found == {**dict.fromkeys(found), **known}
    found = quality(without_database, "binance:ETH-BTC")
    assert (found["state"], found["age_ms"], found["stale"]) == ("never received", None, False)
    assert (found["missing"], found["lag_p50_ms"], found["gapless"]) == (0, None, False)


@pytest.mark.parametrize(("state", "stale"), [("stale", True), ("quiet", False)])
def test_a_symbol_is_stale_when_its_price_is_or_when_its_feed_says_so(
    without_database: Api, state: str, stale: bool
) -> None:
    name, old = "binance:ETH-USDT", wall() - 60_000_000
    without_database.tell(status(symbols={"ETH-USDT": state}, last_recv=old))
    assert quality(without_database, name)["stale"] is stale
    without_database.tell(ticker(ts_recv=old))
    assert quality(without_database, name)["stale"] is stale
    # The feed has trades that never came to be a price here.
    without_database.tell(status(symbols={"ETH-USDT": "live"}, last_recv=wall()))
    found = quality(without_database, name)
    assert (found["state"], found["stale"]) == ("live", True)
    without_database.tell(ticker(ts_recv=wall(), seq=2))
    assert quality(without_database, name)["stale"] is False


def test_quality_is_paged_in_the_order_of_the_configuration(without_database: Api) -> None:
    found: list[str] = []
    cursor = ""
    while not found or cursor:
        answer = without_database.get("/api/quality", {"limit": "2", "cursor": cursor})
        assert len(answer.json) <= 2
        found += [f"{row['exchange']}:{row['symbol']}" for row in answer.json]
        cursor = answer.headers.get("x-next-cursor", "")
    assert found == ALL
    rows = without_database.get("/api/quality", {"exchange": "Binance"}).json
    assert [row["symbol"] for row in rows] == list(FEEDS["binance"])
    for query in ({"symbol": "binance:eth-usdt"}, {"symbol": "ETHUSDT", "exchange": "binance"}):
        (row,) = without_database.get("/api/quality", query).json
        assert (row["exchange"], row["symbol"]) == ("binance", "ETH-USDT")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"exchange": "nowhere"}, 404, "exchange"),
        ({"symbol": "ETH-USDD"}, 404, "symbol"),
        ({"limit": "0"}, 400, "limit"),
        ({"cursor": "kf8"}, 400, "cursor"),
    ],
)
def test_quality_that_cannot_be_had_is_refused(
    without_database: Api, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get("/api/quality", query)
    assert (answer.status, answer.error["field"]) == (status, field)

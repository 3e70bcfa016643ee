"""``GET /api/trades``."""

import msgspec
import pytest

from bus.messages import Trade
from store import trades as stored
from store.pool import Connection
from tests.web.fix_api import HOUR, Api, iso, wall
from web import cursors
from web.api.trades import TradeLine


def made(count: int, begin: int) -> list[Trade]:
    """Trades of which four share each microsecond."""
    return [
        Trade("ETH-USDT", n, begin + n // 4, begin, f"{1 + n}.50", "0.000000012", "sell")
        for n in range(count)
    ]


def test_trades_come_newest_first_in_exactly_the_documented_shape(
    api: Api, records: Connection
) -> None:
    begin = 1_759_327_200_000_001
    given = [
        Trade("ETH-USDT", 7, begin, begin, "2346.10", "0.000000000000000001", "buy"),
        Trade("ETH-USDT", 8, begin + 122, begin, "2346", None, None),
    ]
    stored.copy(records, "binance", given)
    answer = api.get("/api/trades", {"symbol": "ETHUSDT"})
    assert answer.body == (
        b'[{"t":"2025-10-01T14:00:00.000123Z","exchange":"binance","symbol":"ETH-USDT",'
        b'"trade_id":8,"price":2346,"size":null,"side":null},'
        b'{"t":"2025-10-01T14:00:00.000001Z","exchange":"binance","symbol":"ETH-USDT",'
        b'"trade_id":7,"price":2346.10,"size":0.000000000000000001,"side":"buy"}]'
    )
    assert "link" not in answer.headers
    as_csv = api.get("/api/trades", {"symbol": "ETHUSDT", "format": "csv"})
    assert as_csv.body.decode().split("\r\n") == [
        "t,exchange,symbol,trade_id,price,size,side",
        "2025-10-01T14:00:00.000123Z,binance,ETH-USDT,8,2346,,",
        "2025-10-01T14:00:00.000001Z,binance,ETH-USDT,7,2346.10,0.000000000000000001,buy",
        "",
    ]
    assert as_csv.headers["content-disposition"] == 'attachment; filename="trades.csv"'


def test_ten_thousand_trades_in_pages_are_all_of_them_once(api: Api, records: Connection) -> None:
    given = made(10_000, wall() - HOUR)
    stored.copy(records, "binance", given)
    decoder = msgspec.json.Decoder(list[TradeLine])
    ids: list[int] = []
    query = {"symbol": "ETH-USDT", "limit": "1000", "exchange": "binance"}
    pages = 0
    cursor: str | None = None
    while pages == 0 or cursor is not None:
        answer = api.get("/api/trades", query if cursor is None else {**query, "cursor": cursor})
        ids += [line.trade_id for line in decoder.decode(answer.body)]
        pages += 1
        cursor = answer.headers.get("x-next-cursor")
    assert (pages, ids) == (10, [trade.trade_id for trade in reversed(given)])


def test_the_link_of_a_page_is_the_next_one(api: Api, records: Connection) -> None:
    stored.copy(records, "binance", made(5, wall() - HOUR))
    first = api.get("/api/trades", {"symbol": "ETH/USDT", "limit": "2"})
    address, _, relation = first.headers["link"].partition("; ")
    assert relation == 'rel="next"'
    path, _, query = address.strip("<>").partition("?")
    second = api.get(path, query)
    assert [line["trade_id"] for line in first.json + second.json] == [4, 3, 2, 1]


def test_only_trades_of_the_range_and_of_the_symbol(api: Api, records: Connection) -> None:
    begin = (wall() - HOUR) // 1_000_000 * 1_000_000
    given = [Trade("ETH-USDT", n, begin + n * 1_000_000, begin, "1", "1", "buy") for n in range(9)]
    stored.copy(records, "binance", given)
    stored.copy(records, "coinbase", given)
    query = {"symbol": "ETHUSDT", "from": iso(begin + 2_000_000), "to": iso(begin + 5_000_000)}
    assert [line["trade_id"] for line in api.get("/api/trades", query).json] == [4, 3, 2]


FOREIGN = (
    "x",
    "é",
    "====",
    cursors.pack(1),
    cursors.pack(1, 2, "3"),
    cursors.pack(-1, 0, 0),
    cursors.pack(1 << 63, 0, 0),
    cursors.pack(1, 1 << 40, 0),
    cursors.pack(1, 0, (1 << 64) - 1),
    cursors.pack(1, 0, 1.5),
)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 400, "symbol"),
        ({"symbol": "NOPE"}, 404, "symbol"),
        ({"symbol": "ETH", "limit": "0"}, 400, "limit"),
        ({"symbol": "ETH", "limit": "1001"}, 400, "limit"),
        ({"symbol": "ETH", "format": "xml"}, 400, "format"),
        *(({"symbol": "ETH", "cursor": text}, 400, "cursor") for text in FOREIGN),
    ],
)
def test_what_cannot_be_answered_is_refused(
    without_database: Api, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get("/api/trades", query)
    assert (answer.status, answer.error["field"]) == (status, field)


def test_a_cursor_at_the_edge_of_what_can_be_is_an_empty_page(api: Api) -> None:
    for position in ((0, 0, 0), (253_402_300_799_999_999, (1 << 31) - 1, (1 << 63) - 1)):
        query = {"symbol": "ETH", "cursor": cursors.pack(*position)}
        assert api.get("/api/trades", query).json == []

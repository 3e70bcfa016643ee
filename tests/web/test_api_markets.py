"""``GET /api/markets`` and ``GET /api/symbols``."""

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from bus.messages import SymbolStatus, Ticker
from store.pool import Connection
from tests.web.fix_api import HOUR, Api, moments, store, trades, wall
from tests.web.messages import FEEDS, candle, status, ticker
from web.api.markets import Market
from web.api.symbols import SymbolRow

ALL = [f"{exchange}:{symbol}" for exchange in FEEDS for symbol in FEEDS[exchange]]


def priced(name: str, **changes: str | int | None) -> Ticker:
    """A ticker of ``exchange:symbol`` with some fields changed."""
    exchange, _, symbol = name.partition(":")
    return replace(ticker(symbol, exchange=exchange, ts_recv=wall()), **changes)


def names(api: Api, **query: str) -> list[str]:
    """The symbols of an answer, in its order."""
    found = msgspec.json.decode(api.get("/api/markets", query).body, type=list[Market])
    return [f"{row.exchange}:{row.symbol}" for row in found]


def listed(exchange: str, **steps: str | None) -> SymbolStatus:
    return replace(SymbolStatus("ETH-USDT", "live", 1, 3, listed=True), **steps)


def test_volumes_are_compared_in_dollars_and_what_is_unknown_is_last(
    without_database: Api,
) -> None:
    without_database.tell(
        priced("coinbase:BTC-USD", price="50000", turnover_24h="900"),
        priced("binance:BTC-USDT", price="50001", turnover_24h="2000"),
        priced("binance:ETH-USDT", turnover_24h=None),
        priced("binance:ETH-BTC", price="0.05", turnover_24h="0.03"),  # 1,500 dollars
    )
    wanted = ["binance:BTC-USDT", "binance:ETH-BTC", "coinbase:BTC-USD"]
    assert names(without_database) == [*wanted, "coinbase:ETH-USD", "binance:ETH-USDT"]
    assert names(without_database, sort="volume", exchange="Binance") == [
        *("binance:BTC-USDT", "binance:ETH-BTC", "binance:ETH-USDT")
    ]


def test_a_volume_in_what_has_no_dollar_price_is_last(without_database: Api) -> None:
    without_database.tell(
        priced("binance:ETH-BTC", price="0.05", turnover_24h="1000000"),
        priced("binance:ETH-USDT", turnover_24h="1"),
    )
    assert names(without_database)[0] == "binance:ETH-USDT"


def test_gainers_and_losers_are_by_percent_with_the_unknown_last(without_database: Api) -> None:
    changes = {"coinbase:BTC-USD": "1.5", "binance:BTC-USDT": "-3", "binance:ETH-BTC": "10"}
    without_database.tell(*(priced(n, change_24h_pct=c) for n, c in changes.items()))
    without_database.tell(priced("coinbase:ETH-USD", change_24h_pct=None))
    unknown = ["coinbase:ETH-USD", "binance:ETH-USDT"]
    rising = ["binance:BTC-USDT", "coinbase:BTC-USD", "binance:ETH-BTC"]
    assert names(without_database, sort="losers") == [*rising, *unknown]
    assert names(without_database, sort="gainers") == [*rising[::-1], *unknown]


def test_turnovers_of_any_size_can_be_compared(without_database: Api) -> None:
    digits = "9" * 30 + "." + "9" * 36
    without_database.tell(
        priced("binance:ETH-BTC", turnover_24h=digits),
        priced("binance:BTC-USDT", price="999999999999.999999999999999999"),
        priced("coinbase:BTC-USD", price="999999999999.999999999999999999"),
        priced("binance:ETH-USDT", turnover_24h="0"),
    )
    assert names(without_database)[0] == "binance:ETH-BTC"


def test_a_row_is_exactly_as_documented(api: Api, records: Connection) -> None:
    hour, now = moments()
    store(records, trades(hour - 2 * HOUR, "10", "12.50"), trades(hour - 30 * HOUR, "1"))
    store(records, trades(hour, "11"))
    api.tell(
        replace(status(), symbols=[listed("binance", tick_size="0.01", size_step="0.0001")]),
        priced("binance:ETH-USDT", ts_event=now, hour_start=hour, turnover_24h="99.50"),
        candle(ts_open=hour, interval_s=3600, n=2, close="14"),
    )
    (row,) = [
        one
        for one in api.get("/api/markets", {"exchange": "binance"}).json
        if one["symbol"] == "ETH-USDT"
    ]
    age_ms, moment = row.pop("age_ms"), row.pop("timestamp")
    assert 0 <= age_ms < 60_000
    assert moment.endswith("Z")
    assert row == {
        "exchange": "binance",
        "symbol": "ETH-USDT",
        "coin_id": "ethereum",
        "name": "Ethereum",
        "base": "ETH",
        "quote": "USDT",
        "price": 2346.1,
        "volume": 0.5,
        "change_24h": -1.2,
        "change_24h_pct": -0.05,
        "high_24h": 2400,
        "low_24h": 2300,
        "volume_24h": None,
        "turnover_24h": 99.5,
        "sparkline": [*[None] * 21, 12.5, None, 14],
        "tick_size": 0.01,
        "decimals": 2,
        "stale": False,
    }


def test_of_a_stored_and_a_live_hour_the_one_with_more_trades_is_in_the_line(
    api: Api, records: Connection
) -> None:
    hour, _ = moments()
    store(records, trades(hour - HOUR, "1", "2", "3"))
    api.tell(
        priced("binance:ETH-USDT", hour_start=hour),
        candle(ts_open=hour - HOUR, interval_s=3600, n=2, close="900"),
    )
    line = next(row for row in api.get("/api/markets").json if row["symbol"] == "ETH-USDT")
    assert line["sparkline"][-2:] == [3, None]


def test_without_a_database_only_the_line_is_missing(
    without_database: Api, tmp_path: object, empty_database: str
) -> None:
    without_tables = Api(tmp_path, empty_database)  # type: ignore[arg-type]
    for api in (without_database, without_tables):
        api.tell(priced("binance:ETH-USDT", turnover_24h="7"))
        answer = api.get("/api/markets", {"limit": "1"})
        assert answer.status == 200
        (row,) = answer.json
        assert (row["symbol"], row["sparkline"], row["turnover_24h"]) == ("ETH-USDT", None, 7)


@pytest.mark.parametrize("path", ["/api/markets", "/api/symbols", "/api/prices"])
def test_lists_in_memory_are_paged(without_database: Api, path: str) -> None:
    found: list[str] = []
    cursor = ""
    while not found or cursor:
        answer = without_database.get(path, {"limit": "2", "cursor": cursor})
        assert len(answer.json) <= 2
        found += [f"{row['exchange']}:{row['symbol']}" for row in answer.json]
        cursor = answer.headers.get("x-next-cursor", "")
    assert found == ALL
    for foreign in ("x", "kf8", "k9CAAAAA"):
        answer = without_database.get(path, {"cursor": foreign})
        assert (answer.status, answer.error["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"sort": "best"}, 400, "sort"),
        ({"exchange": "nowhere"}, 404, "exchange"),
        ({"exchange": "binance\0"}, 404, "exchange"),
        ({"exchange": " nowhere "}, 404, "exchange"),
        ({"limit": "0"}, 400, "limit"),
        ({"limit": "-1"}, 400, "limit"),
        ({"limit": "1000000000"}, 400, "limit"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    without_database: Api, query: dict[str, str], status: int, field: str
) -> None:
    answer = without_database.get("/api/markets", query)
    assert (answer.status, answer.error["field"]) == (status, field)


def test_a_blank_exchange_is_none(without_database: Api) -> None:
    for blank in ("", " ", "\t"):
        assert names(without_database, exchange=blank) == names(without_database)


def test_a_symbol_is_described_as_its_exchange_lists_it(without_database: Api) -> None:
    before = without_database.get("/api/symbols").json[3]
    assert before == {
        "exchange": "binance",
        "symbol": "ETH-USDT",
        "pair": "ETHUSDT",
        "name": "ETH-USDT",
        "base": "ETH",
        "quote": "USDT",
        "coin_id": "ethereum",
        "asset_name": "Ethereum",
        "tick_size": None,
        "size_step": None,
        "decimals": None,
        "listed": None,
        "nearest": None,
        "state": None,
    }
    steps = listed("binance", tick_size="0.010", size_step="5")
    without_database.tell(replace(status(), symbols=[steps]))
    after = without_database.get("/api/symbols").json[3]
    assert after == {
        **before,
        "tick_size": 0.01,
        "size_step": 5,
        "decimals": 2,
        "listed": True,
        "state": "live",
    }


@pytest.mark.parametrize(
    ("step", "decimals"), [("1", 0), ("10", 0), ("0.5", 1), ("0.00000001", 8), ("0.0100", 2)]
)
def test_decimals_follow_from_the_tick_size(
    without_database: Api, step: str, decimals: int
) -> None:
    steps = listed("binance", tick_size=step)
    without_database.tell(replace(status(), symbols=[steps]))
    body = without_database.get("/api/symbols").body
    row = msgspec.json.decode(body, type=list[SymbolRow])[3]
    assert (row.decimals, row.tick_size) == (decimals, Decimal(step))
    assert without_database.get("/api/status").json["symbols"][3]["decimals"] == decimals

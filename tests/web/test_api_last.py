"""Last trades and present prices, which need no database."""

from bus.messages import Consolidated, PriceSource
from tests.web.fix_api import Api, wall
from tests.web.messages import NOW, status, ticker
from web.times import iso as iso_ms


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


def test_latest_answers_in_the_published_shape_under_the_names_that_were_asked(
    without_database: Api,
) -> None:
    without_database.tell(
        ticker("BTC-USD", exchange="coinbase", price="77302.99", ts_event=1_769_884_878_000_000)
    )
    answer = without_database.get("/api/latest", {"symbols": "BTC, btc/usd,,ETH"})
    assert answer.body == (
        b'[{"symbol":"BTC","price":77302.99,"volume":0.5,"timestamp":"2026-01-31T18:41:18.000Z"},'
        b'{"symbol":"btc/usd","price":77302.99,"volume":0.5,'
        b'"timestamp":"2026-01-31T18:41:18.000Z"},'
        b'{"symbol":"ETH","price":null,"volume":null,"timestamp":null}]'
    )


def test_latest_without_symbols_is_all_under_their_shortest_names(without_database: Api) -> None:
    found = [row["symbol"] for row in without_database.get("/api/latest").json]
    assert found == ["BTC", "ETH", "BTC-USDT", "ETH-USDT", "ETH-BTC"]


def test_who_has_the_latest_already_is_told_so_until_there_is_a_new_trade(
    without_database: Api,
) -> None:
    without_database.tell(ticker(price="1", seq=1))
    first = without_database.get("/api/latest", {"symbols": "ETH-USDT"})
    known = {"if-none-match": first.headers["etag"]}
    again = without_database.get("/api/latest", {"symbols": "ETH-USDT"}, **known)
    assert (again.status, again.body) == (304, b"")
    anything = without_database.get("/api/latest", **{"if-none-match": "*"})
    assert (anything.status, anything.body) == (304, b"")
    without_database.tell(ticker(price="2", seq=2))
    newer = without_database.get("/api/latest", {"symbols": "ETH-USDT"}, **known)
    assert (newer.status, newer.json[0]["price"]) == (200, 2)


def test_latest_of_an_unknown_symbol_names_the_nearest(without_database: Api) -> None:
    answer = without_database.get("/api/latest", {"symbols": "BTC,ETHUSDTT"})
    assert (answer.status, answer.error["field"]) == (404, "symbols")
    assert "ETHUSDTT" in answer.error["message"]
    assert "binance:ETH-USDT" in answer.error["message"]


def test_prices_are_those_of_every_symbol_from_memory(without_database: Api) -> None:
    now = wall()
    without_database.tell(status(), ticker(price="2346.10", ts_event=now, ts_recv=now))
    rows = without_database.get("/api/prices").json
    assert [row["symbol"] for row in rows] == [
        *("BTC-USD", "ETH-USD", "BTC-USDT", "ETH-USDT", "ETH-BTC")
    ]
    found = rows[3]
    assert 0 <= found.pop("age_ms") < 60_000
    assert found == {
        "coin_id": "ethereum",
        "symbol": "ETH-USDT",
        "exchange": "binance",
        "price": 2346.1,
        "volume": 0.5,
        "timestamp": iso_ms(now),
        "change_24h": -1.2,
        "change_24h_pct": -0.05,
        "high_24h": 2400,
        "low_24h": 2300,
        "volume_24h": None,
        "turnover_24h": None,
        "stale": False,
    }
    assert {**rows[0], "coin_id": 0, "symbol": 0, "exchange": 0} == {
        **dict.fromkeys([*found, "age_ms"]),
        "coin_id": 0,
        "symbol": 0,
        "exchange": 0,
        "stale": False,
    }


def test_a_coins_price_comes_in_the_published_envelope(without_database: Api) -> None:
    without_database.tell(ticker("BTC-USD", exchange="coinbase", price="45250.50"))
    answer = without_database.get("/api/market/price/bitcoin").json
    assert list(answer) == ["success", "data", "meta"]
    assert answer["success"] is True
    assert answer["meta"]["timestamp"].endswith("Z")
    data = answer["data"]
    assert (data["coin_id"], data["symbol"], data["exchange"]) == (
        *("bitcoin", "BTC-USD", "coinbase"),
    )
    assert (data["price"], data["volume"], data["change_24h_pct"]) == (45250.5, 0.5, -0.05)


def test_a_coins_price_is_that_of_all_exchanges_and_a_symbols_its_own(
    without_database: Api,
) -> None:
    without_database.tell(
        ticker("BTC-USD", exchange="coinbase", price="45250.50"),
        ticker("BTC-USDT", price="45260"),
    )
    sources = [
        PriceSource("binance", "BTC-USDT", "45260", NOW),
        PriceSource("coinbase", "BTC-USD", "45250.40", NOW - 1_000_000),
        PriceSource("kraken", "BTC-USD", "99999", NOW, "outlier"),
    ]
    newest = Consolidated("BTC", "45255.2", NOW, sources, epoch=7, seq=5)
    older = Consolidated("BTC", "1", NOW, [], epoch=7, seq=4)
    without_database.tell(newest, older)
    for asked in ("bitcoin", "btc"):
        data = without_database.get(f"/api/market/price/{asked}").json["data"]
        assert (data["price"], data["timestamp"]) == (45255.2, "2025-10-01T14:01:00.000Z")
        assert (data["symbol"], data["exchange"], data["volume"]) == ("BTC-USD", "coinbase", 0.5)
        assert [(one["price"], one["excluded"]) for one in data["sources"]] == [
            (45260, None),
            (45250.4, None),
            (99999, "outlier"),
        ]
        assert data["sources"][1] == {
            "exchange": "coinbase",
            "symbol": "BTC-USD",
            "price": 45250.4,
            "timestamp": "2025-10-01T14:00:59.000Z",
            "excluded": None,
        }
    for asked, price in (("BTC-USD", 45250.5), ("binance:bitcoin", 45260)):
        data = without_database.get(f"/api/market/price/{asked}").json["data"]
        assert (data["price"], data["sources"]) == (price, [])


def test_where_no_exchange_can_be_believed_a_coin_has_its_last_price(
    without_database: Api,
) -> None:
    without_database.tell(
        ticker("BTC-USD", exchange="coinbase", price="45250.50", ts_event=NOW - 1_000_000),
        Consolidated(
            "BTC", None, NOW, [PriceSource("coinbase", "BTC-USD", "7", NOW, "disconnected")]
        ),
    )
    data = without_database.get("/api/market/price/bitcoin").json["data"]
    assert (data["price"], data["timestamp"]) == (45250.5, "2025-10-01T14:00:59.000Z")
    assert [one["excluded"] for one in data["sources"]] == ["disconnected"]


def test_a_coin_is_priced_in_dollars_and_a_symbol_as_itself(without_database: Api) -> None:
    expected = {
        "ethereum": "ETH-USD",
        "eth": "ETH-USD",
        "ETHBTC": "ETH-BTC",
        "ETH/BTC": "ETH-BTC",
        "binance:btcusdt": "BTC-USDT",
    }
    for asked, symbol in expected.items():
        answer = without_database.get(f"/api/market/price/{asked}")
        assert answer.json["data"]["symbol"] == symbol
    answer = without_database.get("/api/market/price/dogecoin")
    assert (answer.status, answer.error["field"]) == (404, "coin_id")

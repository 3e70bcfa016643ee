"""What only Binance does."""

import json

import pytest

from bus.messages import Quarantined, Trade, Wanted
from procs.feed.exchanges import Closing
from procs.feed.exchanges.binance import Exchange
from tests.exchanges.samples import binance

EXCHANGE = Exchange(("BTC-USDT", "ETH-USDT"))


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("wss://stream.binance.com:9443/stream", "wss://stream.binance.com:9443/stream"),
        ("wss://stream.binance.com:9443/ws", "wss://stream.binance.com:9443/stream"),
        ("wss://stream.binance.com:9443", "wss://stream.binance.com:9443/stream"),
        ("wss://data-stream.binance.vision/", "wss://data-stream.binance.vision/stream"),
        ("ws://127.0.0.1:8900/binance/ws", "ws://127.0.0.1:8900/binance/stream"),
    ],
)
def test_every_form_of_the_address_leads_to_the_combined_stream(base: str, address: str) -> None:
    assert EXCHANGE.connect_url(base) == address + "?streams=btcusdt@trade/ethusdt@trade"


def test_a_trade_of_the_raw_stream_is_read_too() -> None:
    raw = json.dumps(json.loads(binance.trade('"12.50"', '"0.001"'))["data"]).encode()
    assert EXCHANGE.parse(raw, 7) == (binance.expected,)


def test_the_taker_sold_where_the_buyer_was_the_maker() -> None:
    frame = binance.trade('"1"', '"1"').replace(b'"m":true', b'"m":false')
    (trade,) = EXCHANGE.parse(frame, 7)
    assert isinstance(trade, Trade)
    assert trade.side == "buy"
    assert binance.expected.side == "sell"


def test_a_futures_record_that_is_no_market_trade_counts_by_its_id_only() -> None:
    frame = binance.trade('"1"', '"1"').replace(b'"M":true', b'"X":"INSURANCE_FUND"')
    (item,) = EXCHANGE.parse(frame, 7)
    assert isinstance(item, Quarantined)
    assert item.trade_id == 77
    market = binance.trade('"1"', '"1"').replace(b'"M":true', b'"X":"MARKET"')
    assert isinstance(EXCHANGE.parse(market, 7)[0], Trade)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161255343}}',
        b'{"e":"serverShutdown","E":1723161255343}',
        b'{"event":{"e":"serverShutdown","E":1723161255343}}',
    ],
)
def test_the_announced_end_of_a_connection_is_understood(frame: bytes) -> None:
    assert EXCHANGE.parse(frame, 7) == (Closing("serverShutdown"),)


def test_a_stream_is_left_and_taken_up_with_fresh_numbers() -> None:
    exchange = Exchange(("BTC-USDT",))
    requests = [json.loads(text) for _ in range(2) for text in exchange.resubscribe("BTC-USDT")]
    assert [one["method"] for one in requests] == ["UNSUBSCRIBE", "SUBSCRIBE"] * 2
    assert {tuple(one["params"]) for one in requests} == {("btcusdt@trade",)}
    assert len({one["id"] for one in requests}) == 4


@pytest.mark.parametrize(
    ("first_id", "last_id", "from_id"),
    [(5001, 8999, 5001), (5001, 6000, 5001), (5500, 6000, 5001), (6000, 6000, 5001), (3, 9, 0)],
)
def test_a_page_rises_to_a_short_range_or_from_a_long_one_and_needs_no_key(
    first_id: int, last_id: int, from_id: int
) -> None:
    url = EXCHANGE.page_url("https://api.binance.com", Wanted("ETH-USDT", first_id, last_id))
    query = f"symbol=ETHUSDT&limit=1000&fromId={from_id}"
    assert url == f"https://api.binance.com/api/v3/historicalTrades?{query}"


def test_the_buyer_of_a_page_was_the_maker_or_the_taker() -> None:
    page = binance.page(binance.row('"1"', '"1"'))
    for maker, side in ((b"true", "sell"), (b"false", "buy")):
        (trade,) = EXCHANGE.parse_page("ETH-USDT", page.replace(b":true", b":" + maker, 1), 7)
        assert isinstance(trade, Trade)
        assert trade.side == side

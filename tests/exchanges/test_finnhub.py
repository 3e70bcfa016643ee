"""What only Finnhub does."""

import json

import pytest

from bus.errors import BadFrame
from bus.messages import Quarantined, Trade
from procs.feed.exchanges import Catalogued, Event, Refused, make
from procs.feed.exchanges.finnhub import Exchange
from tests.exchanges.samples import finnhub

EXCHANGE = Exchange(finnhub.symbols)
EXCHANGE.configure(finnhub.options)


def batch(*trades: str) -> bytes:
    return f'{{"type":"trade","data":[{",".join(trades)}]}}'.encode()


def one(price: str = "5", size: str = "0.1", ts: str = "1696250801782", symbol: str = "ETH") -> str:
    return f'{{"s":"BINANCE:{symbol}USDT","p":{price},"t":{ts},"v":{size}}}'


def reasons(events: tuple[Event, ...]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Quarantined)]


@pytest.mark.parametrize(
    "bad",
    [
        *(one(price=text) for text in ("0", "-1", "1e999", "1e-30", "null", '"5"', "1e999999999")),
        *(one(size=text) for text in ("0", "-0.5", "null", "1e-30", "[]", "9" * 5000)),
        *(one(ts=text) for text in ("-1", "1e999", "1.5", "null", '"1"', "9" * 30)),
        *('{"s":"BINANCE:ETHUSDT"}', '{"p":1}', "[]", "5", "null", '{"s":5,"p":1,"t":1}'),
        *('{"s":"AAPL","p":171.465,"t":1696250801554,"v":1,"c":["1","24","12"]}',),
    ],
)
def test_one_bad_trade_of_a_frame_is_quarantined_alone_and_the_others_come(bad: str) -> None:
    first, wrong, last = EXCHANGE.parse(batch(one("5"), bad, one("6", symbol="BTC")), 7)
    assert isinstance(first, Trade)
    assert isinstance(last, Trade)
    assert (first.symbol, first.price, last.symbol, last.price) == (
        *("ETH-USDT", "5"),
        *("BTC-USDT", "6"),
    )
    assert isinstance(wrong, Quarantined)
    assert wrong.trade_id is None
    assert wrong.symbol == ("ETH-USDT" if "BINANCE:ETHUSDT" in bad else None)
    assert wrong.frame == bad[:4096]


def test_two_trades_that_are_equal_are_two() -> None:
    same = one()
    found = EXCHANGE.parse(batch(same, same), 7)
    assert len(found) == 2
    assert found[0] == found[1]


def test_a_trade_without_size_is_one_and_an_exponent_is_written_out() -> None:
    bare = '{"s":"BINANCE:ETHUSDT","p":2.345e3,"t":1699999999999}'
    (trade,) = EXCHANGE.parse(batch(bare), 7)
    assert trade == Trade("ETH-USDT", 0, 1699999999999000, 7, "2345", None, None)
    (small,) = EXCHANGE.parse(batch(one(price="1e-05", size="4e-06")), 7)
    assert isinstance(small, Trade)
    assert (small.price, small.size) == ("0.00001", "0.000004")


def test_a_frame_of_other_symbols_alone_is_bad() -> None:
    aapl = '{"s":"AAPL","p":171.465,"t":1696250801554,"v":1}'
    with pytest.raises(BadFrame):
        EXCHANGE.parse(batch(aapl, aapl), 7)


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("wss://ws.finnhub.io", "wss://ws.finnhub.io?token=a-token"),
        ("wss://ws.finnhub.io?token=YOUR_TOKEN", "wss://ws.finnhub.io?token=a-token"),
        ("ws://127.0.0.1:1/x/ws?a=1", "ws://127.0.0.1:1/x/ws?a=1&token=a-token"),
    ],
)
def test_the_token_stands_in_the_address_once(base: str, address: str) -> None:
    assert EXCHANGE.connect_url(base) == address
    assert EXCHANGE.headers == {"X-Finnhub-Token": "a-token"}


def test_a_token_of_any_characters_is_the_same_token_there() -> None:
    strange = make("finnhub", ("ETH-USDT",), {"token": "a&b=c#d%/+"})
    assert isinstance(strange, Exchange)
    assert strange.connect_url("ws://h") == "ws://h?token=a%26b%3Dc%23d%25%2F%2B"


@pytest.mark.parametrize(
    ("exchange", "native"),
    [("binance", "BINANCE:ETHUSDT"), ("COINBASE", "COINBASE:ETH-USDT"), ("OKEX", "OKEX:ETH-USDT")],
)
def test_symbols_are_asked_for_in_the_spelling_of_their_exchange(
    exchange: str, native: str
) -> None:
    asked = make("finnhub", ("ETH-USDT",), {"token": "t", "exchange": exchange})
    assert isinstance(asked, Exchange)
    assert [json.loads(text) for text in asked.subscribe()] == [
        {"type": "subscribe", "symbol": native}
    ]
    frame = finnhub.trade("5", "1").replace(b"BINANCE:ETHUSDT", native.encode())
    (trade,) = asked.parse(frame, 7)
    assert isinstance(trade, Trade)
    assert trade.symbol == "ETH-USDT"


def test_its_list_of_symbols_is_read_in_our_spelling() -> None:
    assert isinstance(EXCHANGE, Catalogued)
    assert EXCHANGE.catalogue_url("http://h") == "http://h/api/v1/crypto/symbol?exchange=binance"
    body = b'[{"description":"Binance ETHUSDT","displaySymbol":"ETH/USDT","symbol":"BINANCE:X"}]'
    assert EXCHANGE.parse_catalogue(body) == ["ETH-USDT"]
    for bad in (b"{}", b"[5]", b'[{"symbol":"x"}]', b"", b"<html>"):
        with pytest.raises(BadFrame):
            EXCHANGE.parse_catalogue(bad)


def test_an_error_says_its_message() -> None:
    (event,) = EXCHANGE.parse(finnhub.refused[0], 7)
    assert event == Refused("Subscribing to too many symbols")

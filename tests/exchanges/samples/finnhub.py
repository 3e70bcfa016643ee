"""Finnhub's frames."""

import json

from bus.messages import Trade
from tests.exchanges.samples import Read, RealRecording

symbols = ("BTC-USDT", "ETH-USDT")
numbers = True
options = {"token": "a-token", "exchange": "binance"}


def trade(price: str, size: str) -> bytes:
    """Return a frame of one trade."""
    return (
        f'{{"data":[{{"c":null,"p":{price},"s":"BINANCE:ETHUSDT","t":1696250801782,"v":{size}}}],'
        '"type":"trade"}'
    ).encode()


expected = Trade("ETH-USDT", 0, 1696250801782000, 7, "12.50", "0.001", None)
silent = (b'{"type":"ping"}',)
refused = (
    b'{"msg":"Subscribing to too many symbols","type":"error"}',
    b'{"type":"error"}',
)
unknown = (
    b'{"type":"news","data":[{"headline":"x"}]}',
    b'{"type":"trade","data":[]}',
    trade("1", "1").replace(b"BINANCE:ETHUSDT", b"AAPL"),
    trade("1", "1").replace(b"BINANCE:ETHUSDT", b"KRAKEN:ETHUSDT"),
    trade("1", "1").replace(b'"BINANCE:ETHUSDT"', b"null"),
    b'{"type":"trade"}',
    b'{"type":"trade","data":{"s":"BINANCE:ETHUSDT"}}',
)
recordings = (
    RealRecording("finnhub/ws_single_frames.jsonl", ("BTC-USDT",), 27),
    RealRecording("finnhub/ws_single_frames.jsonl", ("BTC-USDT", "ETH-USDT"), 30),
)


def read(frame: bytes) -> list[Read]:
    """Return the trades in a frame."""
    found = json.loads(frame, parse_float=str, parse_int=str)
    trades: list[Read] = []
    for one in found.get("data", []):
        symbol = one["s"].removeprefix("BINANCE:").replace("USDT", "-USDT")
        trades.append((symbol, 0, int(one["t"]) * 1000, one["p"], one["v"], None))
    return trades

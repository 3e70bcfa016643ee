"""Binance's frames."""

import json

from bus.messages import HistoryCandle, Trade
from procs.feed.exchanges import Listing
from tests.exchanges.samples import Read, RealRecording

symbols = ("BTC-USDT", "ETH-USDT")


def trade(price: str, size: str) -> bytes:
    """Return a frame of the combined stream."""
    return (
        '{"stream":"ethusdt@trade","data":{"e":"trade","E":1723161255343,"s":"ETHUSDT","t":77,'
        f'"p":{price},"q":{size},"T":1723161255342,"m":true,"M":true}}}}'
    ).encode()


def row(price: str, size: str) -> bytes:
    """Return that trade as the old trade lookup has it."""
    return (
        f'{{"id":77,"price":{price},"qty":{size},"quoteQty":"0.01250000","time":1723161255342,'
        '"isBuyerMaker":true,"isBestMatch":true}'
    ).encode()


def page(*rows: bytes) -> bytes:
    """Return an answer of the old trade lookup."""
    return b"[%b]" % b",".join(rows)


expected = Trade("ETH-USDT", 77, 1723161255342000, 7, "12.50", "0.001", "sell")
silent = (b'{"result":null,"id":1}', b'{"result":["a@trade"],"id":2}')
refused = (
    b'{"error":{"code":2,"msg":"Invalid request"},"id":3}',
    b'{"code":2,"msg":"Invalid request","id":3}',
)
unknown = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","b":[]}}',
    b'{"stream":"!ticker@arr","data":[{"e":"24hrTicker","s":"ETHBTC"}]}',
    trade('"1"', '"1"').replace(b"ETHUSDT", b"XRPUSDT"),
    b'{"e":"trade"}',
)
clock = (b'{"serverTime":1723161255343}', 1723161255343000)
listed = (
    b'{"timezone":"UTC","serverTime":1723161255343,"rateLimits":[],"exchangeFilters":[],'
    b'"symbols":[{"symbol":"ETHUSDT","status":"BREAK","baseAsset":"ETH","quoteAsset":"USDT",'
    b'"filters":[{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00",'
    b'"tickSize":"0.01000000"},{"filterType":"LOT_SIZE","minQty":"0.00010000",'
    b'"maxQty":"9000.00000000","stepSize":"0.00010000"},'
    b'{"filterType":"ICEBERG_PARTS","limit":10}]}]}',
    Listing("0.01", "0.0001"),
)
unlisted = (400, b'{"code":-1121,"msg":"Invalid symbol."}')
candles = (
    b'[[1723161240000,"61836.00","61840.00000000","61830.01","61837.63","3.20010",1723161299999,'
    b'"197890.1",512,"1.50000","92756.4","0"],'
    b'[1723161300000,"61837.63","61837.63","61837.63","61837.63","0.00000000",1723161359999,'
    b'"0.00000000",0,"0.00000000","0.00000000","0"]]',
    [
        HistoryCandle(
            1723161240000000, "61836.00", "61840.00000000", "61830.01", "61837.63", "3.20010"
        ),
        HistoryCandle(1723161300000000, "61837.63", "61837.63", "61837.63", "61837.63", "0"),
    ],
)
recordings = (
    RealRecording("binance/spot_btcusdt_20240808.txt.zst", ("BTC-USDT",), 9757),
    RealRecording("binance/spot_btcusdt_20240809.txt.zst", ("BTC-USDT",), 10147),
    RealRecording("binance/spot_ethusdt_20240808.txt.zst", ("ETH-USDT",), 6106),
    RealRecording("binance/usdm_btcusdt_20240808.txt.zst", ("BTC-USDT",), 21313),
    RealRecording("binance/usdm_ethusdt_20240808.txt.zst", ("ETH-USDT",), 14076),
    RealRecording("binance/spot_mixed_20211012.txt.zst", ("NKN-USDT", "LRC-BTC"), 0),
)


def read(frame: bytes) -> list[Read]:
    """Return the trade in a frame."""
    if b'"trade"' not in frame:
        return []  # most of what was recorded beside the trades
    found = json.loads(frame)
    one = found.get("data", found)
    if not isinstance(one, dict) or one.get("e") != "trade" or one.get("X", "MARKET") != "MARKET":
        return []
    quote = next(quote for quote in ("USDT", "BTC") if one["s"].endswith(quote))
    symbol = one["s"].removesuffix(quote) + "-" + quote
    side = "sell" if one["m"] else "buy"
    return [(symbol, one["t"], one["T"] * 1000, one["p"], one["q"], side)]  # type: ignore[list-item]

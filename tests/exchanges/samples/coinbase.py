"""Coinbase's frames."""

import json
from datetime import datetime

from bus.messages import HistoryCandle, Trade
from procs.feed.exchanges import Listing
from tests.exchanges.samples import Read, RealRecording

symbols = ("BTC-USD", "ETH-USD")


def trade(price: str, size: str) -> bytes:
    """Return a match."""
    return (
        '{"type":"match","trade_id":77,"maker_order_id":"f07e","taker_order_id":"e6f5",'
        f'"side":"sell","size":{size},"price":{price},"product_id":"ETH-USD",'
        '"sequence":134905860111,"time":"2026-08-25T03:35:57.198335Z"}'
    ).encode()


def row(price: str, size: str) -> bytes:
    """Return that trade as a page has it; its side is the maker's, as in a match."""
    return (
        f'{{"time":"2026-08-25T03:35:57.198335Z","trade_id":77,"price":{price},"size":{size},'
        '"side":"sell"}'
    ).encode()


def page(*rows: bytes) -> bytes:
    """Return a page of a product's trades."""
    return b"[%b]" % b",".join(rows)


expected = Trade("ETH-USD", 77, 1787628957198335, 7, "12.50", "0.001", "buy")
silent = (b'{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}',)
refused = (b'{"type":"error","message":"Failed to subscribe","reason":"XX-USD is not valid"}',)
unknown = (
    b'{"type":"l2update","product_id":"BTC-USD","changes":[["buy","37378.26","0.0246"]]}',
    b'{"type":"ticker","product_id":"BTC-USD","price":"1","trade_id":5,"side":"buy"}',
    b'{"type":"heartbeat","last_trade_id":5,"product_id":"XRP-USD","sequence":1}',
    trade('"1"', '"1"').replace(b"ETH-USD", b"XRP-USD"),
    b'{"type":"match"}',
    b'{"type":"match","product_id":["BTC-USD"],"trade_id":1}',
    b'{"type":"match","product_id":{},"trade_id":1}',
    b'{"type":"match","product_id":"BTC-USD","trade_id":true}',
)
clock = (b'{"iso":"2026-08-25T03:35:57.198Z","epoch":1787628957.198}', 1787628957198000)
listed = (
    b'{"id":"ETH-USD","base_currency":"ETH","quote_currency":"USD","quote_increment":"0.01000000",'
    b'"base_increment":"0.00000001","display_name":"ETH-USD","min_market_funds":"1",'
    b'"margin_enabled":false,"status":"online","status_message":"","trading_disabled":false}',
    Listing("0.01", "0.00000001"),
)
unlisted = (404, b'{"message":"NotFound"}')
candles = (
    b"[[1787628960,80690.01,80702.50,80691.53,80700,0.00000001],"
    b"[1787628900,80680,80691.53,80688.12,80691.53,1.20340567]]",
    [
        HistoryCandle(1787628900000000, "80688.12", "80691.53", "80680", "80691.53", "1.20340567"),
        HistoryCandle(1787628960000000, "80691.53", "80702.50", "80690.01", "80700", "0.00000001"),
    ],
)
recordings = (
    RealRecording(
        "coinbase/ws_feed_20210417.txt.zst",
        (
            *("SKL-USD", "SKL-BTC", "SKL-GBP", "BAND-GBP", "BAND-BTC"),
            *("NMR-EUR", "YFI-BTC", "DASH-BTC", "NU-GBP", "CRV-EUR"),
        ),
        107,
    ),
    RealRecording("coinbase/ws_feed_single_frames.jsonl", ("BTC-USD", "ETH-USD", "ETH-BTC"), 3),
)


def read(frame: bytes) -> list[Read]:
    """Return the trade in a frame; what it says is the maker's side."""
    one = json.loads(frame)
    if one["type"] not in ("match", "last_match"):
        return []
    moment = datetime.fromisoformat(one["time"])
    ts = int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
    side = {"buy": "sell", "sell": "buy"}[one["side"]]
    symbol = one["product_id"]
    return [(symbol, one["trade_id"], ts, one["price"], one["size"], side)]  # type: ignore[list-item]

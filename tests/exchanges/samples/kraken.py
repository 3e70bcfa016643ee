"""Kraken's frames."""

import json
from datetime import datetime

from bus.messages import HistoryCandle, Trade
from procs.feed.exchanges import Listing
from tests.exchanges.samples import Read, RealRecording

symbols = ("BTC-USD", "ETH-USD")
numbers = True


def trade(price: str, size: str) -> bytes:
    """Return a batch of one trade."""
    return (
        '{"channel":"trade","type":"update","data":[{"symbol":"ETH/USD","side":"sell",'
        f'"price":{price},"qty":{size},"ord_type":"market","trade_id":77,'
        '"timestamp":"2026-10-03T20:58:30.560234Z"}]}'
    ).encode()


def row(price: str, size: str) -> bytes:
    """Return that trade as it stands in a page, a little finer in time."""
    return f'[{price},{size},1791061110.5602341,"s","m","",77]'.encode()


def page(*rows: bytes) -> bytes:
    """Return an answer with recent trades."""
    last = b'"last":"1791061110560234100"'
    return b'{"error":[],"result":{"XETHZUSD":[%b],%b}}' % (b",".join(rows), last)


expected = Trade("ETH-USD", 77, 1791061110560234, 7, "12.5", "0.001", "sell")
silent = (
    b'{"channel":"heartbeat"}',
    b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
    b'"api_version":"v2","connection_id":16389994220698793191}]}',
    b'{"method":"subscribe","result":{"channel":"trade","snapshot":true,"symbol":"BTC/USD"},'
    b'"success":true,"time_in":"2026-10-03T20:58:30.560234Z","time_out":"2026-10-03T20:58:30.5Z"}',
    b'{"method":"pong","req_id":1}',
)
refused = (
    b'{"error":"Currency pair not supported XX/USD","method":"subscribe","success":false,'
    b'"symbol":"XX/USD","time_in":"2026-10-03T20:58:30.560234Z","time_out":"2026-10-03T20:58:30Z"}',
    b'{"Error":"Exceeded msg rate"}',
)
unknown = (
    b'{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","last":0.13110}]}',
    b'[321,[["5541.20000","0.15850568","1534614057.321597","s","l",""]],"trade","XBT/USD"]',
    trade("1", "1").replace(b"ETH/USD", b"XRP/USD"),
    b'{"channel":"trade","type":"update","data":[{}]}',
    b'{"channel":"trade","type":"update","data":[{"symbol":["BTC/USD"],"trade_id":1}]}',
    b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","trade_id":true}]}',
    b'{"channel":"trade"}',
)
clock = (
    b'{"error":[],"result":{"unixtime":1791061110,"rfc1123":"Sat,  3 Oct 26 20:58:30 +0000"}}',
    1791061110000000,
)
listed = (
    b'{"error":[],"result":{"XETHZUSD":{"altname":"ETHUSD","wsname":"ETH/USD",'
    b'"aclass_base":"currency","base":"XETH","aclass_quote":"currency","quote":"ZUSD",'
    b'"lot":"unit","cost_decimals":5,"pair_decimals":2,"lot_decimals":8,"lot_multiplier":1,'
    b'"fees":[[0,0.4],[10000,0.35]],"ordermin":"0.001","costmin":"0.5",'
    b'"tick_size":"0.01000000","status":"online"}}}',
    Listing("0.01", "0.00000001"),
)
unlisted = (200, b'{"error":["EQuery:Unknown asset pair"]}')
candles = (
    b'{"error":[],"result":{"XETHZUSD":[[1791061080,"2284.10","2284.15000","2283.01","2284.15",'
    b'"2283.9","12.50000000",40],[1791061140,"2284.15","2284.15","2284.15","2284.15","0.00",'
    b'"0.00000000",0]],"last":1791061080}}',
    [
        HistoryCandle(
            1791061080000000, "2284.10", "2284.15000", "2283.01", "2284.15", "12.50000000"
        ),
        HistoryCandle(1791061140000000, "2284.15", "2284.15", "2284.15", "2284.15", "0"),
    ],
)
recordings = (RealRecording("kraken/ws_v2_single_frames.jsonl", ("BTC-USD", "ETH-USD"), 2),)
"""All that there is of whole days are of version 1, whose trades have no ids."""


def read(frame: bytes) -> list[Read]:
    """Return the trades in a frame, their numbers without zeros at the end."""
    found = json.loads(frame, parse_float=str)
    if found.get("channel") != "trade":
        return []
    return [
        (
            one["symbol"].replace("/", "-"),
            one["trade_id"],
            _microseconds(one["timestamp"]),
            _short(str(one["price"])),
            _short(str(one["qty"])),
            one["side"],
        )
        for one in found["data"]
    ]


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text

"""CoinGecko's answers."""

import datetime
import json
from decimal import Decimal

from bus.messages import Trade
from tests.exchanges.samples import Read, RealRecording

symbols = ("BTC-USD", "ETH-USD")
numbers = True
options = {"interval_ms": "10000"}
_IDS = {"bitcoin": "BTC", "ethereum": "ETH", "polkadot": "DOT", "uniswap": "UNI"}


def trade(price: str, size: str) -> bytes:
    """Return an answer of one coin; there are no sizes."""
    return (
        f'[{{"id":"ethereum","symbol":"eth","name":"Ethereum","current_price":{price},'
        '"market_cap_rank":2,"total_volume":5060980793,"high_24h":null,'
        '"price_change_24h":13.22,"max_supply":null,"roi":null,'
        '"last_updated":"2023-07-28T20:03:22.619Z"}]'
    ).encode()


expected = Trade("ETH-USD", 1690574602619000, 1690574602619000, 7, "12.50", None, None)
silent = (
    trade("null", "1"),
    b'[{"id":"bitcoin","current_price":null,"last_updated":null}]',
    b'[{"id":"bitcoin"}]',
)
refused = ()
unknown = (
    b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}',
    b'{"error":"coin not found"}',
    b"[]",
    b"[[]]",
    b'[{"id":"tether","current_price":1,"last_updated":"2023-07-28T20:03:22.619Z"}]',
    b'[{"id":["ethereum"],"current_price":1}]',
    b'[{"current_price":1}]',
)
recordings = (
    RealRecording(
        "coingecko/coins_markets_usd.json.zst", ("BTC-USD", "ETH-USD", "DOT-USD", "UNI-USD"), 4
    ),
)


def read(frame: bytes) -> list[Read]:
    """Return the prices in an answer."""
    found = json.loads(frame, parse_float=str, parse_int=str)
    prices: list[Read] = []
    for one in found:
        moment = datetime.datetime.fromisoformat(one["last_updated"])
        ts = int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
        symbol = _IDS.get(one["id"], one["id"]) + "-USD"
        prices.append((symbol, ts, ts, format(Decimal(one["current_price"]), "f"), None, None))
    return prices

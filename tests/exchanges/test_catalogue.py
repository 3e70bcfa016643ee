"""The lists of all that an exchange trades, as it writes them."""

import pytest

from bus.errors import BadFrame
from procs.feed.exchanges import Catalogued, load
from tests.exchanges import garbage

COINBASE = b"""[
 {"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01",
  "base_increment":"0.00000001","display_name":"BTC-USD","status":"online"},
 {"id":"OLD-USD","base_currency":"OLD","quote_currency":"USD","quote_increment":"0.01",
  "base_increment":"0.01","display_name":"OLD-USD","status":"delisted"}]"""
BINANCE = b"""{"timezone":"UTC","serverTime":1787628957198,"rateLimits":[],"exchangeFilters":[],
 "symbols":[{"symbol":"ETHBTC","status":"TRADING","baseAsset":"ETH","baseAssetPrecision":8,
  "quoteAsset":"BTC","filters":[],"permissionSets":[]},
 {"symbol":"1000SATSUSDT","status":"TRADING","baseAsset":"1000SATS","quoteAsset":"USDT"}]}"""


def catalogued(name: str) -> Catalogued:
    found = load(name)(("ETH-USD",))
    assert isinstance(found, Catalogued)
    return found


@pytest.mark.parametrize(
    ("name", "body", "symbols"),
    [
        ("coinbase", COINBASE, ["BTC-USD"]),
        ("binance", BINANCE, ["ETH-BTC", "1000SATS-USDT"]),
    ],
)
def test_the_list_is_read_and_nothing_else_is_taken_for_one(
    name: str, body: bytes, symbols: list[str]
) -> None:
    exchange = catalogued(name)
    assert exchange.catalogue_url("https://x.example").startswith("https://x.example/")
    assert exchange.parse_catalogue(body) == symbols
    for frame in [*garbage.BYTES, *garbage.truncated(body)]:
        try:
            assert all(isinstance(one, str) for one in exchange.parse_catalogue(frame))
        except BadFrame:
            continue

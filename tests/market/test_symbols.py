"""Every way of writing a symbol that the contract names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import UnknownSymbol
from market.symbols import Directory, base, pair, quote

DIRECTORY = Directory(
    {
        "coinbase": ("BTC-USD", "ETH-USD", "POL-USD"),
        "binance": ("BTC-USDT", "ETH-USDT", "ETH-BTC", "POL-USDT", "DOGE-USDT"),
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ETH-USDT", "binance:ETH-USDT"),
        ("eth-usdt", "binance:ETH-USDT"),
        ("ETHUSDT", "binance:ETH-USDT"),
        ("ethusdt", "binance:ETH-USDT"),
        ("ETH/USDT", "binance:ETH-USDT"),
        ("eth_usdt", "binance:ETH-USDT"),
        ("BINANCE:ETHUSDT", "binance:ETH-USDT"),
        ("binance:eth/usdt", "binance:ETH-USDT"),
        ("binance: ethusdt", "binance:ETH-USDT"),
        (" ETHBTC ", "binance:ETH-BTC"),
        ("ETH", "coinbase:ETH-USD"),
        ("binance:ETH", "binance:ETH-USDT"),
        ("bitcoin", "coinbase:BTC-USD"),
        ("Binance:Bitcoin", "binance:BTC-USDT"),
        ("matic-network", "coinbase:POL-USD"),
        ("MATIC", "coinbase:POL-USD"),
        ("MATIC-USDT", "binance:POL-USDT"),
        ("MATICUSDT", "binance:POL-USDT"),
        ("BINANCE:MATICUSDT", "binance:POL-USDT"),
        ("xbtusd", "coinbase:BTC-USD"),
        ("XBT/USDT", "binance:BTC-USDT"),
        ("ETHXBT", "binance:ETH-BTC"),
        ("xdgusdt", "binance:DOGE-USDT"),
    ],
)
def test_every_spelling_finds_its_symbol(text: str, found: str) -> None:
    assert ":".join(DIRECTORY.resolve(text)) == found


def test_an_exchange_that_is_given_answers_alone() -> None:
    assert DIRECTORY.resolve("BTC", "binance") == ("binance", "BTC-USDT")
    assert DIRECTORY.resolve("btcusd", "Coinbase") == ("coinbase", "BTC-USD")
    with pytest.raises(UnknownSymbol):
        DIRECTORY.resolve("BTC-USD", "binance")


def test_a_configured_old_name_means_itself() -> None:
    directory = Directory({"binance": ("POL-USDT", "MATIC-USDT")})
    assert directory.resolve("maticusdt") == ("binance", "MATIC-USDT")
    assert directory.resolve("polusdt") == ("binance", "POL-USDT")


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [("ETHUSDX", "ETH"), ("BTCUSDD", "BTC"), ("binance:DOGUSDT", "binance:DOGE-USDT")],
)
def test_an_unknown_symbol_names_the_nearest(asked: str, nearest: str) -> None:
    with pytest.raises(UnknownSymbol) as caught:
        DIRECTORY.resolve(asked)
    assert caught.value.asked == asked
    assert nearest in (caught.value.nearest or "")
    assert nearest in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_finds_a_symbol_or_raises_that_it_is_unknown(text: str) -> None:
    try:
        found = DIRECTORY.resolve(text)
    except UnknownSymbol:
        return
    assert found in DIRECTORY.all


def test_the_parts_of_a_symbol() -> None:
    assert (pair("ETH-USDT"), base("ETH-USDT"), quote("ETH-USDT")) == ("ETHUSDT", "ETH", "USDT")

"""Every way of writing a symbol that the contract names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import NoDollarPrice, UnknownSymbol
from market.symbols import ASSETS, DOLLARS, Directory, base, coin_id, pair, quote

DIRECTORY = Directory(
    {
        "coinbase": ("BTC-USD", "ETH-USD", "POL-USD"),
        "binance": ("BTC-USDT", "ETH-USDT", "ETH-BTC", "POL-USDT", "DOGE-USDT"),
    }
)
OFTEN_WITHOUT_DOLLARS = Directory(
    {
        "binance": ("ETH-BTC", "DOGE-BTC", "POL-BTC", "POL-USDC", "PEPE-USDT"),
        "coinbase": ("ETH-EUR", "ETH-USD", "SOL-EUR", "POL-USD"),
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


def test_the_nearest_is_only_looked_for_where_it_is_wanted() -> None:
    for ask in (DIRECTORY.resolve, DIRECTORY.coin):
        with pytest.raises(UnknownSymbol) as caught:
            ask("ETHUSDX", suggest=False)
        assert caught.value.nearest is None


def test_an_exchange_between_blanks_is_the_exchange_and_a_blank_one_is_none() -> None:
    assert DIRECTORY.resolve("BTC", " Binance ") == ("binance", "BTC-USDT")
    assert DIRECTORY.resolve("BTC", " ") == DIRECTORY.resolve("BTC") == ("coinbase", "BTC-USD")


@given(st.text(max_size=200))
def test_any_text_finds_a_symbol_or_raises_that_it_is_unknown(text: str) -> None:
    try:
        found = DIRECTORY.resolve(text)
    except UnknownSymbol:
        return
    assert found in DIRECTORY.all


def test_the_parts_of_a_symbol() -> None:
    assert (pair("ETH-USDT"), base("ETH-USDT"), quote("ETH-USDT")) == ("ETHUSDT", "ETH", "USDT")


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("coinbase:BTC-USD", "BTC"),
        ("binance:BTC-USDT", "BTC-USDT"),
        ("binance:ETH-BTC", "ETH-BTC"),
        ("binance:DOGE-USDT", "DOGE"),
        ("kraken:BTC-USD", "kraken:BTC-USD"),
    ],
)
def test_a_symbol_is_named_as_shortly_as_can_be(symbol: str, name: str) -> None:
    directory = Directory(
        {
            "coinbase": ("BTC-USD", "ETH-USD"),
            "binance": ("BTC-USDT", "ETH-BTC", "DOGE-USDT"),
            "kraken": ("BTC-USD",),
        }
    )
    exchange, _, wanted = symbol.partition(":")
    assert directory.name_of(exchange, wanted) == name


def test_a_symbol_that_is_not_configured_has_no_name() -> None:
    with pytest.raises(KeyError):
        DIRECTORY.name_of("coinbase", "DOGE-USD")


_CODES = st.sampled_from(
    [asset.code for asset in ASSETS]
    + [asset.coin_id.upper() for asset in ASSETS if "-" not in asset.coin_id]
    + ["MATIC", "XBT", "AVALANCHE", "2", "BTCUSD", "USDT", "USD", "EUR"]
)
_SYMBOLS = st.builds("{}-{}".format, _CODES, _CODES)
_FEEDS = st.dictionaries(
    st.sampled_from(["coinbase", "binance", "kraken"]),
    st.lists(_SYMBOLS, max_size=12, unique=True).map(tuple),
)


@given(_FEEDS)
def test_every_name_means_the_symbol_it_was_given_to(feeds: dict[str, tuple[str, ...]]) -> None:
    directory = Directory(feeds)
    names = [directory.name_of(*key) for key in directory.all]
    assert [directory.resolve(name) for name in names] == directory.all


@given(_FEEDS, _CODES)
def test_a_coin_is_a_symbol_in_dollars_where_there_is_one(
    feeds: dict[str, tuple[str, ...]], code: str
) -> None:
    directory = Directory(feeds)
    try:
        traded = base(directory.resolve(code)[1])
    except UnknownSymbol:
        return
    symbols = [key for key in directory.all if base(key[1]) == traded]
    in_dollars = [key for key in symbols if quote(key[1]) in DOLLARS]
    found = coin_or_none(directory, code)
    if found is not None and pair(found[1]) == code:  # it was a pair's name
        assert found == directory.resolve(code)
    else:
        assert found == (in_dollars[0] if in_dollars else None)


def coin_or_none(directory: Directory, code: str) -> tuple[str, str] | None:
    try:
        return directory.coin(code)
    except NoDollarPrice:
        return None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ethereum", "coinbase:ETH-USD"),
        ("Ethereum", "coinbase:ETH-USD"),
        ("eth", "coinbase:ETH-USD"),
        ("matic", "binance:POL-USDC"),
        ("matic-network", "binance:POL-USDC"),
        ("polygon-ecosystem-token", "binance:POL-USDC"),
        ("pepe", "binance:PEPE-USDT"),
        ("ETH-BTC", "binance:ETH-BTC"),
        ("ethbtc", "binance:ETH-BTC"),
        ("binance:ETH/BTC", "binance:ETH-BTC"),
        ("Coinbase:ETH", "coinbase:ETH-USD"),
        ("coinbase: matic", "coinbase:POL-USD"),
    ],
)
def test_a_coin_is_priced_in_dollars(text: str, found: str) -> None:
    assert ":".join(OFTEN_WITHOUT_DOLLARS.coin(text)) == found


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("dogecoin", "binance:DOGE-BTC"),
        ("DOGE", "binance:DOGE-BTC"),
        ("xdg", "binance:DOGE-BTC"),
        ("solana", "coinbase:SOL-EUR"),
        ("binance:ETH", "binance:ETH-BTC"),
    ],
)
def test_a_coin_without_a_dollar_price_is_told_what_it_is_traded_for(
    text: str, instead: str
) -> None:
    with pytest.raises(NoDollarPrice) as caught:
        OFTEN_WITHOUT_DOLLARS.coin(text)
    assert (caught.value.asked, caught.value.nearest) == (text, instead)
    assert instead in str(caught.value)
    assert ":".join(OFTEN_WITHOUT_DOLLARS.coin(instead)) == instead


@pytest.mark.parametrize("text", ["monero", "BTC", "", ":"])
def test_a_coin_that_nothing_trades_is_unknown(text: str) -> None:
    with pytest.raises(UnknownSymbol):
        Directory({"binance": ("ETH-BTC",)}).coin(text)


def test_a_symbols_coin_is_known_by_its_id() -> None:
    assert coin_id("ETH-BTC") == "ethereum"
    assert coin_id("AVAX-USDT") == "avalanche-2"
    assert coin_id("PEPE-USDT") == "pepe"


def test_a_pair_means_one_symbol_and_the_others_have_their_whole_name() -> None:
    directory = Directory({"binance": ("ETH-USDT",), "kraken": ("ETH-USDT", "BTC-USD")})
    assert directory.pairs == {
        ("binance", "ETH-USDT"): "ETHUSDT",
        ("kraken", "ETH-USDT"): "kraken:ETH-USDT",
        ("kraken", "BTC-USD"): "BTCUSD",
    }
    assert all(directory.resolve(name) == key for key, name in directory.pairs.items())

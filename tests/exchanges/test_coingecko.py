"""What only CoinGecko does."""

import json

import pytest

from bus.messages import Day, Quarantined, Trade
from market.symbols import coin_id
from procs.feed.exchanges import DayFigures, Refused
from procs.feed.exchanges.coingecko import Exchange
from tests.exchanges.samples import coingecko
from tests.fix_recordings import frames, recorded

EXCHANGE = Exchange(coingecko.symbols)
MOMENT = "2023-07-28T20:03:22.619Z"

pytestmark = pytest.mark.usefixtures("exact_decimals")


def answer(**fields: object) -> bytes:
    return json.dumps([{"id": "bitcoin", "last_updated": MOMENT, **fields}]).encode()


def test_all_coins_are_asked_for_at_once_by_their_ids() -> None:
    exchange = Exchange(("BTC-USD", "POL-USD", "XBT-USD", "PEPE-USD"))
    assert exchange.poll_url("https://h/api/v3") == (
        "https://h/api/v3/coins/markets?vs_currency=usd"
        "&ids=bitcoin,polygon-ecosystem-token,pepe&per_page=250"
    )


def test_how_often_it_is_asked_and_with_which_key_are_settings() -> None:
    exchange = Exchange(("BTC-USD",))
    assert (exchange.poll_every_s, exchange.headers) == (10.0, {})
    exchange.configure({"interval_ms": "2500", "api_key": "a-key"})
    assert exchange.poll_every_s == 2.5
    assert exchange.headers == {"x-cg-demo-api-key": "a-key"}


def test_its_own_figures_of_the_day_are_plain_and_those_that_are_none_are_left_out() -> None:
    found = EXCHANGE.parse(
        answer(
            current_price=29309,
            price_change_24h=-3.6969498105499e-05,
            price_change_percentage_24h=0,
            high_24h="29507",
            low_24h=None,
            total_volume=7.5e9,
        ),
        7,
    )
    trade, told = found
    assert isinstance(trade, Trade)
    assert told == DayFigures("BTC-USD", Day("-0.000036969498", "0", None, None, "7500000000.0"))


@pytest.mark.parametrize(
    "fields",
    [
        *({"last_updated": None}, {"last_updated": "2023-07-28T20:03:22.619"}),
        *({"last_updated": "yesterday"}, {"last_updated": 1690574602}, {"current_price": 0}),
    ],
)
def test_a_price_without_a_time_or_a_believable_value_is_quarantined_without_an_id(
    fields: dict[str, object],
) -> None:
    (item,) = EXCHANGE.parse(answer(**{"current_price": 29309, **fields}), 7)
    assert isinstance(item, Quarantined)
    assert (item.symbol, item.trade_id) == ("BTC-USD", None)


def test_one_bad_coin_leaves_the_others_alone() -> None:
    bad, good = answer(current_price=[]), coingecko.trade("12.50", "")
    found = EXCHANGE.parse(bad[:-1] + b"," + good[1:], 7)
    assert [type(one) for one in found] == [Quarantined, Trade, DayFigures]


def test_what_is_not_priced_in_dollars_is_refused_in_a_sentence() -> None:
    found = Exchange(("ETH-USD", "BTC-EUR")).parse(coingecko.trade("1", ""), 7)
    assert found[0] == Refused("priced in dollars alone, not BTC-EUR")
    assert len(found) == 3


def test_of_a_real_answer_with_250_coins_those_that_are_ours_are_read() -> None:
    ((_, frame),) = frames(*recorded("coingecko/coins_markets_usd.json.zst"))
    coins = json.loads(frame)
    assert len(coins) == 250
    ours = {
        coin["id"]: coin for coin in coins if coin_id(f"{coin['id'].upper()}-USD") == coin["id"]
    }
    found = Exchange(tuple(f"{coin.upper()}-USD" for coin in ours)).parse(frame, 7)
    trades = {one.symbol: one for one in found if isinstance(one, Trade)}
    assert len(ours) == len(trades) == len(found) // 2 == 139
    for coin, told in ours.items():
        assert float(trades[f"{coin.upper()}-USD"].price) == told["current_price"]
    figures = {one.symbol: one.day for one in found if isinstance(one, DayFigures)}
    assert float(figures["ETHEREUM-USD"].change or "") == ours["ethereum"]["price_change_24h"]

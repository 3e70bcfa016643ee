"""What a client of ``/ws/prices`` is sent, without a socket."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.symbols import Directory
from tests.web.messages import FEEDS, NOW, at, ticker
from tests.web.outbox import COUNTS, Outbox, sent
from web.hub import Hub
from web.limits import Limits
from web.streams.prices import Coins

MANY = {"binance": tuple(f"C{number}-USDT" for number in range(80))}
ALL = ["C" + str(number) for number in range(80)]


class Listener:
    """The coins of one connection and a way to read what it is sent."""

    def __init__(
        self, coins: list[str] | None, feeds: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        self.hub = Hub(stale_after_s=15)
        self._seq = 0
        directory = Directory(feeds or FEEDS)
        for exchange, symbol in directory.all:
            self.price(exchange, symbol, "1.5")
        self.coins = Coins(self.hub, directory, Limits(), Outbox(), COUNTS)
        self.coins.begin(coins, at(0))

    def price(self, exchange: str, symbol: str, price: str) -> None:
        """A symbol has a new price."""
        self._seq += 1
        message = ticker(symbol, exchange=exchange, price=price, seq=self._seq, ts_event=NOW)
        self.hub.message(message, at(0))

    def say(self, message: object) -> list[dict[str, Any]]:
        self.coins.hear(message if isinstance(message, str | bytes) else json.dumps(message), at(0))
        return self.read()

    def read(self, microseconds: int = 0) -> list[dict[str, Any]]:
        return sent(self.hub, self.coins.client, microseconds)


def coins_of(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["data"]["coin_id"] for frame in frames if frame["type"] == "price_update"]


def errors_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [frame["data"] for frame in frames if frame["type"] == "error"]


def test_a_connection_begins_with_the_present_prices_of_its_coins() -> None:
    first, second = Listener(["bitcoin", "ETH"]).read()
    assert first == {
        "type": "price_update",
        "data": {"coin_id": "bitcoin", "price": 1.5, "timestamp": "2025-10-01T14:01:00Z"},
    }
    assert second["data"]["coin_id"] == "ethereum"


def test_by_default_every_coin_with_a_price_in_dollars_is_sent_once() -> None:
    feeds = {"binance": ("ETH-BTC", "SOL-EUR", "BTC-USDT"), "coinbase": ("BTC-USD", "ETH-USD")}
    listener = Listener(None, feeds)
    assert coins_of(listener.read()) == ["bitcoin", "ethereum"]
    watched = {(key[1], key[2]) for key in listener.coins.client.watches}
    assert watched == {("binance", "BTC-USDT"), ("coinbase", "ETH-USD")}


def test_changes_come_at_once_then_at_most_every_100_ms_and_the_newest_wins() -> None:
    listener = Listener(["bitcoin"])
    listener.read()
    for price in ("2", "3", "4"):
        listener.price("coinbase", "BTC-USD", price)
        if price == "2":
            assert [frame["data"]["price"] for frame in listener.read()] == [2]
    assert listener.read(99_999) == []
    assert [frame["data"]["price"] for frame in listener.read(100_000)] == [4]


def test_the_same_coin_elsewhere_is_not_mixed_in() -> None:
    listener = Listener(["bitcoin"])
    listener.read()
    listener.price("binance", "BTC-USDT", "9")
    assert listener.read() == []


def test_a_symbol_that_is_named_prices_its_coin() -> None:
    listener = Listener(["bitcoin"])
    listener.read()
    listener.say({"type": "subscribe", "coins": ["binance:BTC-USDT"]})
    listener.price("coinbase", "BTC-USD", "8")
    listener.price("binance", "BTC-USDT", "9")
    assert [frame["data"]["price"] for frame in listener.read(1_000_000)] == [9]


def test_an_unknown_coin_is_named_and_the_others_are_served() -> None:
    frames = Listener(["bitcoin", "bitcoim", "no\nsuch"]).read()
    (error,) = errors_of(frames)
    assert error["code"] == "RESOURCE_NOT_FOUND"
    assert "'bitcoim'" in error["message"]
    assert r"'no\nsuch'" in error["message"]
    assert coins_of(frames) == ["bitcoin"]


def test_a_coin_without_a_dollar_price_is_refused_unless_its_symbol_is_named() -> None:
    listener = Listener(["ethereum", "bitcoin"], {"binance": ("ETH-BTC", "BTC-USDT")})
    frames = listener.read()
    (error,) = errors_of(frames)
    assert error["code"] == "RESOURCE_NOT_FOUND"
    assert "'ethereum' in dollars, binance:ETH-BTC" in error["message"]
    assert coins_of(frames) == ["bitcoin"]
    assert coins_of(listener.say({"type": "subscribe", "coins": ["ETH-BTC"]})) == ["ethereum"]
    (gone,) = listener.say({"type": "unsubscribe", "coins": ["ethereum"]})
    assert gone["data"]["coins"] == ["bitcoin"]


def test_the_first_unknown_coins_are_told_the_nearest() -> None:
    (error,) = errors_of(Listener([f"ETHUSDT{number}" for number in range(9)]).read())
    assert error["message"].count("nearest") == 3
    assert error["message"].endswith("no symbol 'ETHUSDT8'")


def test_with_nothing_but_unknown_coins_nothing_is_sent_and_the_socket_stays() -> None:
    listener = Listener(["nonesuch"])
    assert [frame["type"] for frame in listener.read()] == ["error"]
    assert listener.say({"type": "ping"}) == [{"type": "pong", "data": {}}]


def test_fifty_coins_are_served_and_those_too_many_are_named() -> None:
    listener = Listener(ALL, MANY)
    frames = listener.read()
    (error,) = errors_of(frames)
    assert error["code"] == "TOO_MANY_COINS"
    assert error["message"].endswith(": " + ", ".join(ALL[50:]))
    assert coins_of(frames) == [name.lower() for name in ALL[:50]]
    listener.say({"type": "unsubscribe", "coins": ALL[:10]})
    frames = listener.say({"type": "subscribe", "coins": ALL[50:]})
    assert coins_of(frames) == [name.lower() for name in ALL[50:60]]
    assert len(listener.coins.client.watches) == 50


def test_a_price_that_merely_turns_stale_is_not_sent_again() -> None:
    listener = Listener(["bitcoin"])
    assert len(listener.read()) == 1
    listener.hub.tick(at(60_000_000))
    assert listener.hub.latest.tickers["coinbase", "BTC-USD"].flag
    assert listener.read(60_000_000) == []
    listener.price("coinbase", "BTC-USD", "2")
    assert coins_of(listener.read(61_000_000)) == ["bitcoin"]


def test_a_price_that_turns_stale_before_it_could_be_sent_is_sent() -> None:
    listener = Listener(["bitcoin"])
    listener.read()
    for price in ("2", "3"):
        listener.price("coinbase", "BTC-USD", price)
        listener.read()
    listener.hub.tick(at(60_000_000))
    assert [frame["data"]["price"] for frame in listener.read(60_000_000)] == [3]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "coins": ["ethereum"]},
        {"type": "SUBSCRIBE", "data": {"coins": ["ETH"]}},
    ],
)
def test_coins_are_added_and_removed(message: dict[str, Any]) -> None:
    listener = Listener(["bitcoin"])
    listener.read()
    subscribed, price = listener.say(message)
    assert subscribed == {"type": "subscribed", "data": {"coins": ["bitcoin", "ethereum"]}}
    assert price["data"]["coin_id"] == "ethereum"
    (gone,) = listener.say({"type": "unsubscribe", "coins": ["bitcoin", "nonesuch"]})
    assert gone == {"type": "unsubscribed", "data": {"coins": ["ethereum"]}}
    listener.price("coinbase", "BTC-USD", "3")
    listener.price("coinbase", "ETH-USD", "4")
    assert coins_of(listener.read()) == ["ethereum"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "BAD_REQUEST"),
        ("[]", "BAD_REQUEST"),
        (b"\xff", "BAD_REQUEST"),
        ("[" * 30_000, "BAD_REQUEST"),
        ({"type": "subscribe"}, "BAD_REQUEST"),
        ({"type": "subscribe", "coins": "bitcoin"}, "BAD_REQUEST"),
        ({"type": "subscribe", "coins": [1]}, "BAD_REQUEST"),
        ({"type": "subscribe", "coins": [""]}, "BAD_REQUEST"),
        ({"type": "subscribe", "coins": ["x"] * 201}, "BAD_REQUEST"),
        ({"type": "unsubscribe", "data": []}, "BAD_REQUEST"),
        ({"type": "shout"}, "UNKNOWN_TYPE"),
    ],
)
def test_what_cannot_be_read_is_an_error(message: object, code: str) -> None:
    listener = Listener([])
    (frame,) = listener.say(message)
    assert frame["type"] == "error"
    assert frame["data"]["code"] == code
    assert len(frame["data"]["message"]) > 10


names = st.sampled_from(["bitcoin", "ETH", "binance:ETH-BTC", "nonesuch", "C1", "", "avalanche-2"])
wishes = st.lists(st.tuples(st.sampled_from(["subscribe", "unsubscribe"]), st.lists(names)))


@given(wishes)
def test_after_any_wishes_exactly_one_symbol_prices_each_coin(
    said: list[tuple[str, list[str]]],
) -> None:
    listener = Listener(None)
    told = ["bitcoin", "ethereum"]
    for kind, coins in said:
        for frame in listener.say({"type": kind, "coins": coins}):
            if frame["type"] in ("subscribed", "unsubscribed"):
                told = frame["data"]["coins"]
    assert len(listener.coins.client.watches) == len(told) == len(set(told))

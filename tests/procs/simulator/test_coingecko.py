"""CoinGecko's REST API over real sockets, held against the truth and against a recorded answer."""

import asyncio
import json
import time
import urllib.error
from decimal import Decimal
from typing import Any

import pytest
import websocket
from starlette.applications import Starlette

from procs.simulator.exchanges import exchanges
from procs.simulator.exchanges.coingecko import Exchange
from procs.simulator.listing import Listing
from procs.simulator.market import Execution
from procs.simulator.protocol import Exchange as AnyExchange
from procs.simulator.schedule import Schedule
from procs.simulator.stepped import UNTOLD_ONE_IN, SteppedMarket
from procs.simulator.times import parse_iso
from tests.eventually import eventually
from tests.fix_recordings import real_text
from tests.procs.simulator.conftest import Made, Played, Seeded, Simulation
from tests.web import asgi

SYMBOLS = ("coingecko:BTC-USD", "coinbase:BTC-USD", "coingecko:ETH-USD", "coingecko:SHIB-USD")
PATH = "/coingecko/rest/coins/markets?vs_currency=usd"
REAL = "coingecko/coins_markets_usd.json.zst"
T0 = 1_700_000_000_000_000
STEP_US = 5_000_000
COINS = {"bitcoin": "BTC-USD", "ethereum": "ETH-USD", "shib": "SHIB-USD"}


def quick(calls_per_min: int = 100_000) -> dict[str, AnyExchange]:
    """Return the exchanges; CoinGecko updates its prices every 0.1 s."""
    known = exchanges()
    coingecko = known["coingecko"]
    assert isinstance(coingecko, Exchange)
    coingecko.updates_every_us = 100_000
    coingecko.calls_per_min = calls_per_min
    return known


def ask(simulation: Simulation, more: str = "") -> list[dict[str, Any]]:
    """Return the coins that an answer has, its numbers exact."""
    body, _ = simulation.open(PATH + more)
    found: list[dict[str, Any]] = json.loads(body, parse_float=Decimal)
    return found


def told(simulation: Simulation, symbol: str) -> list[tuple[int, Decimal]]:
    """Return the updates of a coin, (time, price), as the truth has them."""
    lines = simulation.truth("coingecko", symbol)
    assert all(one["trade_id"] == one["ts_event"] for one in lines)
    assert all(one["size"] is None and one["side"] is None for one in lines)
    return [(one["ts_event"], Decimal(one["price"])) for one in lines]


def test_what_is_told_is_in_the_truth(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, known=quick())
    seen: dict[str, set[tuple[int, Decimal]]] = {coin: set() for coin in COINS}

    def over() -> bool:
        """Ask, and return whether there were many updates."""
        for coin in ask(simulation):
            if coin["current_price"] is not None:
                told_now = parse_iso(coin["last_updated"]), Decimal(coin["current_price"])
                seen[coin["id"]].add(told_now)
        return min(map(len, seen.values())) > 5

    eventually(over)
    for coin, symbol in COINS.items():
        assert seen[coin] <= set(told(simulation, symbol))


class Stepped:
    """A market at any time of the choice."""

    def __init__(self, rate: float) -> None:
        self.now = T0
        self.schedule = Schedule(round(rate * 1000), ())
        self.listing: Listing = Exchange().listing("BTC-USD")
        self.schedule.open(T0, [self.listing.name])
        self.market = SteppedMarket(7, [self.listing], self.schedule, lambda: self.now, STEP_US)

    def updates(self) -> list[Execution]:
        return list(self.market.executions("bitcoin", 0, 1 << 62))

    def at(self, ts: int) -> int:
        """Return the time of the newest update at a moment."""
        self.now = ts
        return self.market.last_id("bitcoin", self.market.position())


def test_updates_are_the_newest_trades_at_the_ends_of_steps_at_any_time() -> None:
    stepped = Stepped(rate=3)
    seen = [stepped.at(T0 + i * 500_000) for i in range(4_000)]
    times = list(dict.fromkeys(ts for ts in seen if ts))
    assert 399 <= len(times) <= 400, "one in each step"
    assert seen == sorted(seen)
    updates = stepped.updates()
    untold = set(times) - {one.ts_event for one in updates}
    assert {one.ts_event for one in updates} == set(times) - untold
    assert 0 < len(untold) < 3 * 400 / UNTOLD_ONE_IN
    assert [one.trade_id for one in updates] == [one.ts_event for one in updates]
    some = list(stepped.market.executions("bitcoin", times[10], times[20]))
    assert some == [one for one in updates if times[10] <= one.ts_event <= times[20]]


def test_before_the_first_update_there_is_no_price() -> None:
    stepped = Stepped(rate=3)
    app = Starlette(routes=Exchange().routes(stepped.market))
    (coin,) = asyncio.run(asgi.ask(app, "/rest/coins/markets", "vs_currency=usd")).json
    assert (coin["id"], coin["current_price"], coin["high_24h"]) == ("bitcoin", None, None)


def test_who_asks_more_often_than_once_a_step_is_told_every_update() -> None:
    stepped = Stepped(rate=3)
    app = Starlette(routes=Exchange().routes(stepped.market))
    seen: dict[int, Decimal] = {}
    for _ in range(200):
        stepped.now += 2_500_000
        answer = asyncio.run(asgi.ask(app, "/rest/coins/markets", "vs_currency=usd&ids=bitcoin"))
        for coin in json.loads(answer.body, parse_float=Decimal):
            if coin["current_price"] is not None:
                seen[parse_iso(coin["last_updated"])] = Decimal(coin["current_price"])
    updates = {one.ts_event: Decimal(one.price) for one in stepped.updates()}
    assert len(seen) > 90
    assert seen == {ts: updates[ts] for ts in updates if min(seen) <= ts <= max(seen)}


def test_a_pause_leaves_the_newest_where_it_is() -> None:
    stepped = Stepped(rate=3)
    stepped.at(T0 + 60_000_000)
    stepped.schedule.close(stepped.now)
    last = stepped.at(T0 + 70_000_000)
    assert T0 + 59_000_000 < last <= T0 + 60_000_000
    assert stepped.at(T0 + 700_000_000) == last
    before = stepped.updates()
    stepped.schedule.open(stepped.now, [stepped.listing.name])
    assert stepped.at(T0 + 720_000_000) > T0 + 710_000_000
    assert stepped.updates()[: len(before)] == before


def test_slow_trading_tells_each_trade_once() -> None:
    stepped = Stepped(rate=0.01)
    stepped.at(T0 + 5_000_000_000)
    trades = range(T0, T0 + 5_000_000_000, 100_000_000)
    updates = [one.ts_event for one in stepped.updates()]
    assert set(updates) <= set(trades)
    assert len(trades) - 3 <= len(updates) <= len(trades)


def test_now_and_then_a_coin_has_no_price_or_is_left_out(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.simulator.stepped.UNTOLD_ONE_IN", 5)
    monkeypatch.setattr("procs.simulator.rest.coingecko.NO_DAY_ONE_IN", 5)
    simulation = seeded(300, symbols=SYMBOLS, known=quick())
    found = {"null": False, "left out": False, "no day": False}

    def over() -> bool:
        """Ask, and return whether everything that happens has happened."""
        coins = ask(simulation)
        found["left out"] |= 0 < len(coins) < 3
        for coin in coins:
            found["null"] |= coin["current_price"] is None
            found["no day"] |= coin["current_price"] is not None and coin["high_24h"] is None
        return all(found.values())

    eventually(over, within=20)


def test_only_what_is_asked_for_is_told_and_the_unknown_left_out(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, known=quick())
    eventually(lambda: len(ask(simulation)) == 3)
    eventually(
        lambda: [one["id"] for one in ask(simulation, "&ids=ethereum,nosuch")] == ["ethereum"]
    )
    assert ask(simulation, "&ids=nosuch") == []
    ranks = [one["market_cap_rank"] for one in ask(simulation)]
    assert ranks == sorted(ranks)
    eventually(lambda: len(ask(simulation, "&per_page=2&page=2")) == 1)


def test_an_answer_has_the_fields_of_the_real_one_and_numbers_that_agree(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, known=quick())

    def whole() -> dict[str, dict[str, Any]]:
        coins = {one["id"]: one for one in ask(simulation)}
        usual = all(one["high_24h"] is not None for one in coins.values())
        return coins if usual and len(coins) == 3 else {}

    coins: dict[str, dict[str, Any]] = eventually(whole)
    for coin in coins.values():
        price, change = Decimal(coin["current_price"]), Decimal(coin["price_change_24h"])
        assert coin["low_24h"] <= price <= coin["high_24h"]
        opened = price - change
        part = change / opened * 100
        assert abs(part - Decimal(coin["price_change_percentage_24h"])) < Decimal("0.0001")
        assert Decimal(coin["total_volume"]) > 0
    assert coins["bitcoin"]["max_supply"] == 21_000_000
    assert coins["ethereum"]["max_supply"] is None
    assert coins["ethereum"]["roi"]["currency"] == "btc"
    body, _ = simulation.open(PATH)
    assert b'"current_price":1.' in body, "Shiba Inu has an exponent"
    assert b"e-05" in body


def test_it_has_the_fields_of_the_real_answer_in_their_order(seeded: Seeded) -> None:
    simulation = seeded(300, symbols=SYMBOLS, known=quick())
    model = json.loads(real_text(REAL))[0]
    eventually(lambda: ask(simulation))
    for coin in ask(simulation):
        assert list(coin) == list(model)


def test_a_real_answer_is_understood_with_all_its_nulls() -> None:
    exchange = Exchange()
    text = real_text(REAL)
    found = dict(exchange.recorded_trades(text))
    assert len(found) == 250
    assert found["bitcoin"].price == "29309"
    assert found["shiba-inu"].price == "0.00000836"
    assert found["bitcoin"].ts_event == parse_iso("2023-07-28T20:03:29.093Z")
    moved = dict(exchange.recorded_trades(exchange.shifted(text, 5_000)))
    assert {moved[coin].ts_event - found[coin].ts_event for coin in found} == {5_000}


def test_a_recorded_answer_without_price_or_time_is_no_update() -> None:
    exchange = Exchange()
    coin = '{"id":"bitcoin","current_price":%s,"last_updated":%s}'
    texts = ("1.50", '"2023-07-28T20:03:29.093Z"'), ("null", '"2023-07-28T20:03:29.093Z"')
    counts = [len(exchange.recorded_trades(f"[{coin % one}]")) for one in (*texts, ("1", "null"))]
    assert counts == [1, 0, 0]
    assert [exchange.symbol_of(one) for one in ("bitcoin", "matic-network", "some-coin")] == [
        "BTC-USD",
        "POL-USD",
        "SOME-COIN-USD",
    ]


def test_one_address_may_ask_only_so_often_in_a_minute(seeded: Seeded) -> None:
    assert Exchange().calls_per_min == 30
    simulation = seeded(300, symbols=SYMBOLS, known=quick(calls_per_min=3))
    for _ in range(3):
        ask(simulation)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(simulation)
    with refused.value as answer:
        assert (answer.code, json.loads(answer.read())["status"]["error_code"]) == (429, 429)
        assert 50 < int(answer.headers["Retry-After"]) <= 60


def test_a_wrong_question_is_refused(seeded: Seeded) -> None:
    simulation = seeded(symbols=SYMBOLS, known=quick())
    assert "gecko_says" in simulation.get("/coingecko/rest/ping")
    for query in ("", "?vs_currency=beans"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            simulation.open(f"/coingecko/rest/coins/markets{query}")
        with refused.value as answer:
            assert answer.code == 422


def answer(second: int, bitcoin: str, tether: str) -> str:
    """Return an answer about two coins, as the recorded ones are."""
    time = f"2024-08-08T23:54:{second:02d}.500Z"
    prices = (("bitcoin", bitcoin), ("tether", tether))
    rows = [f'{{"id":"{k}","current_price":{v},"last_updated":"{time}"}}' for k, v in prices]
    return f"[{','.join(rows)}]"


def test_answers_that_were_recorded_are_told_one_after_the_other(
    played: Played, made: Made
) -> None:
    first, third = answer(1, "1", "2.0"), answer(2, "1.25", "null")
    recorded_there = [first, first, third, answer(3, "1e-05", "3")]
    simulation = played(made("coingecko", recorded_there))
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(simulation)
    with refused.value as early:
        assert (early.code, early.headers["Retry-After"]) == (503, "1")
    eventually(lambda: simulation.sources[0].markets["coingecko"].position() == 1)
    seen: list[str] = []

    def over() -> bool:
        """Ask, and return whether the last one was told."""
        text = simulation.open(PATH)[0].decode()
        if text not in seen[-1:]:
            seen.append(text)
        return text == recorded_there[-1]

    eventually(over)
    assert seen == list(dict.fromkeys(recorded_there))
    assert [coin["id"] for coin in ask(simulation, "&ids=tether,nosuch")] == ["tether"]
    truth = told(simulation, "BTC-USD")
    assert [(ts % 60_000_000, str(price)) for ts, price in truth] == [
        (1_500_000, "1"),
        (2_500_000, "1.25"),
        (3_500_000, "0.00001"),
    ]
    assert len(told(simulation, "TETHER-USD")) == 2


def test_recorded_answers_can_be_moved_to_now(played: Played, made: Made) -> None:
    simulation = played(made("coingecko", [answer(1, "1", "2.0")]), shift_time=True)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(simulation)
    refused.value.close()
    eventually(lambda: simulation.sources[0].markets["coingecko"].position() == 1)
    found = ask(simulation)
    assert abs(parse_iso(found[0]["last_updated"]) / 1e6 - time.time()) < 60


def test_there_is_no_socket(seeded: Seeded) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        seeded(symbols=SYMBOLS).connect("/coingecko/ws")

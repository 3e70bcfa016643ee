"""Kraken's protocol on a clock moved by hand, held against the truth and against real frames."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette

from procs.simulator.exchanges.kraken import SNAPSHOT_TRADES, Exchange, Session
from procs.simulator.market import SeededMarket
from procs.simulator.protocol import Numbered
from procs.simulator.rest.kraken import CANDLES_MAX, TRADES_MAX
from procs.simulator.schedule import Schedule
from procs.simulator.times import parse_iso
from procs.simulator.wire import unframed
from tests.web.asgi import ask

BTC, ETH, DOGE = "BTC/USD", "ETH/USD", "DOGE/USD"
SYMBOLS = ("BTC-USD", "ETH-USD", "DOGE-USD")
NAMES = tuple(f"kraken:{symbol}" for symbol in SYMBOLS)
START = 1_778_771_000_000_003
SECOND = 1_000_000
RATE = 300
RECORDED = (
    '{"channel":"trade","type":"snapshot","data":[{"symbol":"ETH/USD","side":"sell","price":2284.15'
    ',"qty":0.001,"ord_type":"market","trade_id":62886870,"timestamp":"2026-05-14T15:03:41.748964Z"'
    '},{"symbol":"BTC/USD","side":"buy","price":81011.5,"qty":0.00123440,"ord_type":"limit",'
    '"trade_id":100320028,"timestamp":"2026-05-14T15:06:09.020392Z"}]}'
)
EXCHANGE = Exchange()


class Simulated:
    """The market a while after its start, and one connection to it."""

    def __init__(self, age_s: int = 60) -> None:
        self.now = START + age_s * SECOND
        self.schedule = Schedule(RATE * 1000, ())
        self.schedule.open(START, NAMES)
        listings = [EXCHANGE.listing(symbol) for symbol in SYMBOLS]
        self.market = SeededMarket(7, listings, self.schedule, lambda: self.now)
        session = EXCHANGE.session("ws", "", self.market)
        assert session is not None
        self.session: Session = session
        self._app = Starlette(routes=EXCHANGE.routes(self.market))

    def say(self, message: object) -> list[dict[str, Any]]:
        """Return what is answered."""
        text = message if isinstance(message, str) else json.dumps(message)
        return [json.loads(one) for one in self.session.receive(text, self.market.position())]

    def subscribe(self, *names: str, **more: object) -> list[dict[str, Any]]:
        params = {"channel": "trade", "symbol": list(names), **more}
        return self.say({"method": "subscribe", "params": params})

    def frames(self, native: str, first: int, last: int) -> list[dict[str, Any]]:
        """Return the frames of trades as they are sent."""
        (render,) = self.session.renderers(native, self.market.truths[native])
        when = self.schedule.when
        name = self.market.listings[native].name
        texts = [unframed(render(one, when(name, one))) for one in range(first, last + 1)]
        return [json.loads(text, parse_float=Decimal) for text in texts]

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON of a REST answer, its numbers exact."""
        path, _, query = path.partition("?")
        answer = asyncio.run(ask(self._app, f"/rest/0/public/{path}", query))
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.body, parse_float=Decimal)
        return found

    def truth(self, native: str, first: int, last: int) -> list[tuple[object, ...]]:
        return [
            (one.trade_id, one.ts_event, Decimal(one.price), Decimal(one.size or 0), one.side)
            for one in self.market.executions(native, first, last)
        ]


@pytest.fixture
def simulated() -> Simulated:
    return Simulated()


def said(trade: dict[str, Any]) -> tuple[object, ...]:
    """Return what a trade of a frame says, as the truth has it."""
    time = parse_iso(trade["timestamp"])
    return trade["trade_id"], time, trade["price"], trade["qty"], trade["side"]


def test_every_trade_comes_in_the_form_of_the_real_ones(simulated: Simulated) -> None:
    simulated.subscribe(BTC)
    model = json.loads(RECORDED, parse_float=Decimal)
    frames = simulated.frames(BTC, 1, 500)
    for frame in frames:
        assert list(frame) == list(model)
        assert (frame["channel"], frame["type"]) == ("trade", "update")
        (trade,) = frame["data"]
        assert list(trade) == list(model["data"][0])
        for key, value in model["data"][0].items():
            assert type(trade[key]) is type(value)
    trades = [frame["data"][0] for frame in frames]
    assert list(map(said, trades)) == simulated.truth(BTC, 1, 500)
    assert {trade["ord_type"] for trade in trades} == {"limit", "market"}
    assert {len(str(trade["qty"]).partition(".")[2]) for trade in trades} == {8}


def test_subscribing_is_acknowledged_and_brings_the_last_fifty_trades(simulated: Simulated) -> None:
    status, answer, snapshot = simulated.subscribe(BTC, snapshot=True)
    assert (status["channel"], status["data"][0]["system"]) == ("status", "online")
    assert (answer["method"], answer["success"]) == ("subscribe", True)
    assert answer["result"] == {"channel": "trade", "snapshot": True, "symbol": BTC}
    assert list(answer) == ["method", "result", "success", "time_in", "time_out"]
    assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", SNAPSHOT_TRADES)
    last = simulated.market.last_id(BTC, simulated.market.position())
    ids = [trade["trade_id"] for trade in snapshot["data"]]
    assert ids == list(range(last - SNAPSHOT_TRADES + 1, last + 1))
    assert simulated.session.streams == {f"trade:{BTC}"}


def test_a_snapshot_comes_only_where_it_is_asked_for_and_where_there_are_trades() -> None:
    assert len(Simulated().subscribe(BTC)) == 2
    fresh = Simulated(age_s=-1)
    assert len(fresh.subscribe(BTC, snapshot=True)) == 2


def test_one_unknown_symbol_does_not_spoil_the_others(simulated: Simulated) -> None:
    _, bad, good = simulated.subscribe("XX/USD", ETH)
    assert bad["error"] == "Currency pair not supported XX/USD"
    assert (bad["success"], bad["symbol"], good["success"]) == (False, "XX/USD", True)
    assert simulated.session.streams == {f"trade:{ETH}"}
    (again,) = simulated.subscribe(ETH)
    assert (again["error"], again["success"]) == ("Already subscribed", False)


def test_what_is_left_comes_no_more(simulated: Simulated) -> None:
    simulated.subscribe(BTC, ETH)
    leave = {"method": "unsubscribe", "params": {"channel": "trade", "symbol": [BTC, BTC]}}
    left, unknown = simulated.say({**leave, "req_id": 5})
    assert (left["success"], left["req_id"]) == (True, 5)
    assert unknown["success"] is False
    assert simulated.session.renderers(BTC, simulated.market.truths[BTC]) == ()


@pytest.mark.parametrize(
    "message",
    ["{", "[]", "5", '{"method":"subscribe"}', {"method": "subscribe", "params": {"symbol": BTC}}],
)
def test_a_wrong_message_is_answered_with_an_error(simulated: Simulated, message: object) -> None:
    answer = simulated.say(message)[-1]
    assert answer["error"]
    assert answer.get("success") is not True
    assert simulated.session.streams == set()


def test_a_ping_is_answered(simulated: Simulated) -> None:
    pong = simulated.say({"method": "ping", "req_id": 7})[-1]
    assert (pong["method"], pong["req_id"]) == ("pong", 7)


def test_a_heartbeat_comes_in_each_second_without_a_trade(simulated: Simulated) -> None:
    def beat() -> list[str]:
        return simulated.session.each_second(simulated.market.position())

    assert [json.loads(text)["channel"] for text in beat()] == ["status"]
    assert beat() == []  # nothing is subscribed to
    simulated.subscribe(BTC)
    beat()
    assert beat() == ['{"channel":"heartbeat"}']
    simulated.now += SECOND
    assert beat() == []
    assert beat() == ['{"channel":"heartbeat"}']


def test_recorded_batches_are_understood_and_take_another_time_price_or_id() -> None:
    assert EXCHANGE.recorded_streams(RECORDED) == (f"trade:{ETH}", f"trade:{BTC}")
    trades = EXCHANGE.recorded_trades(RECORDED)
    assert trades == (
        (ETH, (62886870, 1778771021748964, "2284.15", "0.001", "sell")),
        (BTC, (100320028, 1778771169020392, "81011.5", "0.0012344", "buy")),
    )
    for other in ('{"channel":"heartbeat"}', '{"method":"subscribe","success":true}'):
        assert (EXCHANGE.recorded_streams(other), EXCHANGE.recorded_trades(other)) == ((), ())
    moved = EXCHANGE.recorded_trades(EXCHANGE.shifted(RECORDED, 5_000))
    assert [one.ts_event for _, one in moved] == [1778771021753964, 1778771169025392]
    assert isinstance(EXCHANGE, Numbered)
    renumbered = EXCHANGE.recorded_trades(EXCHANGE.renumbered(RECORDED, 9))
    assert {one.trade_id for _, one in renumbered} == {9}
    assert '"price":NaN,' in EXCHANGE.repriced(RECORDED, "NaN")
    assert EXCHANGE.symbol_of("BTC/USD") == "BTC-USD"


def test_pages_that_rise_from_a_time_bring_every_trade_once(simulated: Simulated) -> None:
    last = simulated.market.last_id(BTC, simulated.market.position())
    since, found = "0", list[list[Any]]()
    while True:
        answer = simulated.get(f"Trades?pair=XBTUSD&since={since}")
        rows = answer["result"]["XXBTZUSD"]
        if not rows:
            break
        assert len(rows) <= TRADES_MAX
        found += rows
        since = answer["result"]["last"]
    sides = {"b": "buy", "s": "sell"}
    assert [
        (row[6], int(row[2] * SECOND), Decimal(row[0]), Decimal(row[1]), sides[row[3]])
        for row in found
    ] == simulated.truth(BTC, 1, last)
    assert all(len(row[0].partition(".")[2]) >= 5 for row in found)
    assert any(row[2] * SECOND % 1 for row in found)  # finer than the frames


def test_since_is_exclusive_and_without_it_the_newest_come(simulated: Simulated) -> None:
    last = simulated.market.last_id(ETH, simulated.market.position())
    newest = simulated.get("Trades?pair=ETHUSD&count=3")["result"]
    assert [row[6] for row in newest["XETHZUSD"]] == [last - 2, last - 1, last]
    third = int(newest["XETHZUSD"][0][2] * 10**9)
    for since, first in ((third, last - 1), (third - 1, last - 2)):
        page = simulated.get(f"Trades?pair=XETHZUSD&since={since}")["result"]
        assert page["XETHZUSD"][0][6] == first
    end = simulated.get(f"Trades?pair=ETHUSD&since={newest['last']}")["result"]
    assert end == {"XETHZUSD": [], "last": newest["last"]}


def test_candles_reach_back_seven_hundred_and_twenty_and_end_with_the_running_one() -> None:
    simulated = Simulated()
    for minutes in (1, 60, 1440):
        step = minutes * 60
        answer = simulated.get(f"OHLC?pair=XBTUSD&interval={minutes}")["result"]
        rows, running = answer["XXBTZUSD"], simulated.now // SECOND // step * step
        times = [row[0] for row in rows]
        assert times == list(range(times[0], running + 1, step))
        assert len(rows) <= CANDLES_MAX
        assert answer["last"] == running - step
        for _, opened, high, low, close, vwap, volume, count in rows:
            prices = list(map(Decimal, (opened, close, vwap)))
            assert Decimal(low) <= min(prices) <= max(prices) <= Decimal(high)
            assert (Decimal(volume) > 0, count > 0) == (True, True)
        few = simulated.get(f"OHLC?pair=XBTUSD&interval={minutes}&since={times[-3]}")
        assert [row[0] for row in few["result"]["XXBTZUSD"]] == times[-2:]
        late = simulated.get(f"OHLC?pair=XBTUSD&interval={minutes}&since={running + step}")
        assert [row[0] for row in late["result"]["XXBTZUSD"]] == [running]


def test_pairs_and_time_are_those_of_the_market(simulated: Simulated) -> None:
    pairs = simulated.get("AssetPairs")["result"]
    assert list(pairs) == ["XXBTZUSD", "XETHZUSD", "XDGUSD"]
    assert [pair["wsname"] for pair in pairs.values()] == ["XBT/USD", "ETH/USD", "XDG/USD"]
    for name in ("XBTUSD", "XXBTZUSD", "xbt/usd"):
        assert simulated.get(f"AssetPairs?pair={name}")["result"] == {"XXBTZUSD": pairs["XXBTZUSD"]}
    assert (pairs["XXBTZUSD"]["tick_size"], pairs["XXBTZUSD"]["lot_decimals"]) == ("0.01", 8)
    assert simulated.get("Time")["result"]["unixtime"] == simulated.now // SECOND


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("Trades?pair=NOSUCH", "EQuery:Unknown asset pair"),
        ("AssetPairs?pair=NOSUCH", "EQuery:Unknown asset pair"),
        ("OHLC?pair=NOSUCH", "EQuery:Unknown asset pair"),
        ("Trades", "EGeneral:Invalid arguments"),
        ("Trades?pair=XBTUSD&since=x", "EGeneral:Invalid arguments"),
        ("OHLC?pair=XBTUSD&interval=7", "EGeneral:Invalid arguments"),
    ],
)
def test_a_wrong_question_is_refused_in_words_with_http_200(
    simulated: Simulated, path: str, error: str
) -> None:
    assert simulated.get(path) == {"error": [error]}


def test_another_address_is_none(simulated: Simulated) -> None:
    assert EXCHANGE.session("ws/v2", "", simulated.market) is not None
    assert EXCHANGE.session("no/such", "", simulated.market) is None

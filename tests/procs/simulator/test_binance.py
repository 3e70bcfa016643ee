"""Binance's protocol over real sockets, held against the truth and against recorded frames."""

import json
import urllib.error
from decimal import Decimal
from typing import Any

import pytest
import websocket

from procs.simulator.exchanges import exchanges
from procs.simulator.exchanges.binance import Exchange
from tests.eventually import eventually
from tests.procs.simulator.conftest import Seeded, until_cut

COMBINED = "/binance/stream?streams=btcusdt@trade/ethbtc@trade"
RECORDED = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    '"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
SYMBOLS = {"BTCUSDT": "BTC-USDT", "ETHBTC": "ETH-BTC"}


def said(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a trade event says, as a line of the truth."""
    return {
        "symbol": SYMBOLS[data["s"]],
        "trade_id": data["t"],
        "ts_event": data["T"] * 1000,
        "price": data["p"],
        "size": data["q"],
        "side": "sell" if data["m"] else "buy",
    }


@pytest.mark.parametrize("path", [COMBINED, COMBINED.replace("/stream", "/ws/stream")])
def test_combined_streams_bring_every_trade_in_the_form_of_the_real_ones(
    seeded: Seeded, path: str
) -> None:
    simulation = seeded(1000)
    client = simulation.connect(path)
    texts = [client.recv()]
    eventually(lambda: simulation.get("/health")["executed"]["binance:ETH-BTC"] > 150)
    executed = simulation.post("/pause")["executed"]
    waiting = {(native, executed[f"binance:{symbol}"]) for native, symbol in SYMBOLS.items()}
    while waiting:
        texts.append(client.recv())
        data = json.loads(texts[-1])["data"]
        waiting.discard((data["s"], data["t"]))
    model = json.loads(RECORDED)
    for native, symbol in SYMBOLS.items():
        frames = [frame for frame in map(json.loads, texts) if frame["data"]["s"] == native]
        assert {frame["stream"] for frame in frames} == {f"{native.lower()}@trade"}
        first = frames[0]["data"]["t"]
        expected = simulation.truth("binance", symbol, f"&from_id={first}")
        assert [said(frame["data"]) for frame in frames] == expected
        for frame in frames:
            assert list(frame) == list(model)
            assert list(frame["data"]) == list(model["data"])
            for key, value in model["data"].items():
                assert type(frame["data"][key]) is type(value)
            for key in ("p", "q"):
                assert len(frame["data"][key].partition(".")[2]) == 8
    assert not any(" " in text for text in texts)


def test_raw_streams_come_bare_and_more_can_be_subscribed(seeded: Seeded) -> None:
    client = seeded().connect("/binance/ws/btcusdt@trade")
    assert {json.loads(client.recv())["s"] for _ in range(20)} == {"BTCUSDT"}
    client.send(json.dumps({"method": "SUBSCRIBE", "params": ["ethbtc@trade"], "id": 7}))
    client.send(json.dumps({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": "x"}))
    client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 9}))
    answers: list[dict[str, Any]] = []
    while len(answers) < 3:
        frame = json.loads(client.recv())
        if "e" not in frame:
            answers.append(frame)
    assert answers == [
        {"result": None, "id": 7},
        {"result": None, "id": "x"},
        {"result": ["ethbtc@trade"], "id": 9},
    ]
    assert {json.loads(client.recv())["s"] for _ in range(20)} == {"ETHBTC"}


def test_unknown_symbols_are_accepted_and_stay_silent(seeded: Seeded) -> None:
    client = seeded().connect("/binance/ws")
    for number, stream in enumerate(["nosuch@trade", "btcusdt@bookTicker"]):
        client.send(json.dumps({"method": "SUBSCRIBE", "params": [stream], "id": number}))
        assert json.loads(client.recv()) == {"result": None, "id": number}
    client.settimeout(0.3)
    with pytest.raises(websocket.WebSocketTimeoutException):
        client.recv()


@pytest.mark.parametrize(
    ("message", "code"),
    [("{", 3), ("[]", 2), ('{"method":"SUBSCRIBE","params":"x","id":1}', 2), ('{"id":1}', 2)],
)
def test_a_wrong_message_is_answered_with_an_error(seeded: Seeded, message: str, code: int) -> None:
    client = seeded().connect("/binance/ws")
    client.send(message)
    assert json.loads(client.recv())["error"]["code"] == code


def test_maintenance_is_announced_and_then_the_connection_ends(seeded: Seeded) -> None:
    simulation = seeded()
    combined, raw = simulation.connect(COMBINED), simulation.connect("/binance/ws/btcusdt@trade")
    combined.recv(), raw.recv()
    assert simulation.post("/shutdown?exchange=binance&cut_s=0.2")["connections"] == 2
    for client, wrapped in ((combined, True), (raw, False)):
        frames = [json.loads(text) for text in until_cut(client)]
        events = [frame.get("data", frame) for frame in frames]
        assert [event["e"] for event in events].count("serverShutdown") == 1
        if wrapped:
            assert "!serverShutdown" in {frame["stream"] for frame in frames}


def test_every_connection_ends_after_its_lifetime(seeded: Seeded) -> None:
    known = exchanges()
    assert known["binance"].lifetime_s == 86_400
    known["binance"].lifetime_s = 0.3
    client = seeded(known=known).connect(COMBINED)
    assert len(until_cut(client)) > 10


def test_another_address_is_refused(seeded: Seeded) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        seeded().connect("/binance/no/such")


def test_time_and_exchange_info_are_those_of_the_market(seeded: Seeded) -> None:
    simulation = seeded()
    assert simulation.get("/binance/rest/api/v3/ping") == {}
    info = simulation.get("/binance/rest/api/v3/exchangeInfo")
    assert abs(simulation.get("/binance/rest/api/v3/time")["serverTime"] - info["serverTime"]) < 5e3
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHBTC"]
    named = simulation.get("/binance/rest/api/v3/exchangeInfo?symbols=%5B%22ETHBTC%22%5D")
    assert named["symbols"] == info["symbols"][1:]
    filters = {entry["filterType"]: entry for entry in named["symbols"][0]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.00001000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00010000"


def test_historical_trades_from_an_id_equal_the_truth(seeded: Seeded) -> None:
    simulation = seeded(1000)
    last = simulation.post("/pause")["executed"]["binance:BTC-USDT"]
    path = "/binance/rest/api/v3/historicalTrades?symbol=BTCUSDT"
    rows = simulation.get(f"{path}&fromId=3&limit=11")
    assert [row["id"] for row in rows] == list(range(3, 14))
    assert [
        {
            "symbol": "BTC-USDT",
            "trade_id": row["id"],
            "ts_event": row["time"] * 1000,
            "price": row["price"],
            "size": row["qty"],
            "side": "sell" if row["isBuyerMaker"] else "buy",
        }
        for row in rows
    ] == simulation.truth("binance", "BTCUSDT", "&from_id=3&to_id=13")
    for row in rows:
        assert Decimal(row["quoteQty"]) == Decimal(row["price"]) * Decimal(row["qty"])
    newest = simulation.get(f"{path}&limit=2")
    assert [row["id"] for row in newest] == [last - 1, last]
    assert simulation.get(path.replace("historicalTrades", "trades") + "&limit=2") == newest


def test_klines_come_oldest_first_and_reach_as_far_back_as_promised(seeded: Seeded) -> None:
    simulation = seeded()
    now = simulation.get("/binance/rest/api/v3/time")["serverTime"]
    for interval, step, days in (("1m", 60, 31), ("1h", 3600, 31), ("1d", 86_400, 400)):
        path = f"/binance/rest/api/v3/klines?symbol=ETHBTC&interval={interval}"
        oldest = simulation.get(
            f"{path}&startTime={now - (days * 86_400 - 2 * step) * 1000}&limit=9"
        )
        assert [row[0] for row in oldest] == [oldest[0][0] + i * step * 1000 for i in range(9)]
        assert simulation.get(f"{path}&startTime=0&limit=1")[0][0] <= oldest[0][0]
        latest = simulation.get(f"{path}&limit=3")
        assert len(latest) == 3
        assert latest[-1][0] <= now + 5000
        assert now <= latest[-1][6]
        for row in oldest + latest:
            assert Decimal(row[3]) < min(Decimal(row[1]), Decimal(row[4]))
            assert Decimal(row[2]) > max(Decimal(row[1]), Decimal(row[4]))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("historicalTrades", -1102),
        ("historicalTrades?symbol=NOSUCH", -1121),
        ("historicalTrades?symbol=BTCUSDT&fromId=x", -1100),
        ("exchangeInfo?symbol=NOSUCH", -1121),
        ("exchangeInfo?symbols=x", -1100),
        ("klines?symbol=BTCUSDT&interval=7m", -1120),
    ],
)
def test_a_wrong_rest_request_is_refused_with_binance_code(
    seeded: Seeded, path: str, code: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        seeded().open(f"/binance/rest/api/v3/{path}")
    with refused.value as answer:
        assert (answer.code, json.loads(answer.read())["code"]) == (400, code)


def test_recorded_frames_are_understood_and_take_either_form() -> None:
    exchange = Exchange()
    assert exchange.recorded_streams(RECORDED) == ("btcusdt@trade",)
    trade = (3735683259, 1723161255342000, "61837.63000000", "0.02000000", "sell")
    assert exchange.recorded_trades(RECORDED) == (("BTCUSDT", trade),)
    bare = json.dumps(json.loads(RECORDED)["data"], separators=(",", ":"))
    assert exchange.recorded_streams(bare) == ("btcusdt@trade",)
    insurance = bare.replace('"M":true', '"X":"INSURANCE_FUND"')
    assert exchange.recorded_trades(insurance) == ()
    shifted = exchange.shifted(RECORDED, 5_000)
    assert json.loads(shifted)["data"]["T"] == 1723161255347
    assert json.loads(shifted)["data"]["t"] == 3735683259
    assert exchange.recorded_streams('{"lastUpdateId":5,"bids":[]}') == ()

"""Ids that are told otherwise than they are: on every way, and never in the truth."""

import json
import urllib.error
from typing import Any

import pytest

from procs.simulator.numbering import JUMP, Numbering
from tests.eventually import eventually
from tests.procs.simulator.conftest import Seeded, Simulation

STREAM = "/binance/ws/btcusdt@trade"
HISTORY = "/binance/rest/api/v3/historicalTrades?symbol=BTCUSDT"
MATCHES = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "heartbeat"]}
PLACES = [("binance", "BTC-USDT"), ("coinbase", "BTC-USD")]


def test_ids_count_anew_from_each_reset_and_a_jump_is_in_one_frame_alone() -> None:
    numbering = Numbering()
    assert [numbering.told(one) for one in (1, 9)] == [1, 9]
    assert (numbering.reset(10), numbering.reset(20)) == (1, 1)
    assert [numbering.told(one) for one in (9, 10, 19, 20, 25)] == [9, 1, 10, 1, 6]
    assert numbering.jump(25) == 6 + JUMP
    assert [numbering.in_frame(one) for one in (24, 25, 26)] == [5, 6 + JUMP, 7]
    assert numbering.told(25) == 6


def spoil(simulation: Simulation, exchange: str, symbol: str, kind: str) -> tuple[int, int]:
    """Have the ids told otherwise; return the own id of the first such trade, and what is told."""
    found = simulation.post(f"/anomaly?exchange={exchange}&symbol={symbol}&kind={kind}")
    return found["from_id"], found["told_id"]


def connected(simulation: Simulation, exchange: str) -> Any:
    """Return a client that gets the trades of the exchange's bitcoin."""
    if exchange == "binance":
        return simulation.connect(STREAM)
    return simulation.connect("/coinbase/ws", MATCHES)


def next_trade(client: Any) -> tuple[int, str]:
    """Return id and price of the next trade."""
    while True:
        frame = json.loads(client.recv())
        if frame.get("e") == "trade":
            return frame["t"], frame["p"]
        if frame["type"] == "match":
            return frame["trade_id"], frame["price"]


@pytest.mark.parametrize(("exchange", "symbol"), PLACES)
def test_after_a_reset_frames_begin_with_1_and_the_truth_goes_on(
    seeded: Seeded, exchange: str, symbol: str
) -> None:
    simulation = seeded(1000)
    client = connected(simulation, exchange)
    before = next_trade(client)
    from_id, told_id = spoil(simulation, exchange, symbol, "reset")
    assert told_id == 1
    while (trade := next_trade(client))[0] != 1:
        assert before[0] < trade[0] < from_id
    told = [trade, *(next_trade(client) for _ in range(50))]
    truth = simulation.truth(exchange, symbol, f"&from_id={from_id}&to_id={from_id + 50}")
    assert told == [(one["trade_id"] - from_id + 1, one["price"]) for one in truth]


def test_after_a_reset_rest_and_heartbeats_tell_the_new_ids_alone(seeded: Seeded) -> None:
    simulation = seeded(1000)
    from_id, _ = spoil(simulation, "binance", "BTC-USDT", "reset")
    at_coinbase, _ = spoil(simulation, "coinbase", "BTC-USD", "reset")
    eventually(lambda: simulation.get("/health")["executed"]["coinbase:BTC-USD"] > at_coinbase + 9)
    executed = simulation.post("/pause")["executed"]
    rows = simulation.get(f"{HISTORY}&fromId=1&limit=1000")
    assert [row["id"] for row in rows] == list(range(1, executed["binance:BTC-USDT"] - from_id + 2))
    truth = simulation.truth("binance", "BTC-USDT", f"&from_id={from_id}")
    assert [row["price"] for row in rows] == [one["price"] for one in truth]
    assert simulation.get(f"{HISTORY}&limit=1") == rows[-1:]
    assert simulation.get(f"{HISTORY}&fromId={from_id + 1000}") == []
    client = simulation.connect("/coinbase/ws", MATCHES)
    beat: dict[str, Any] = {}
    while beat.get("type") != "heartbeat":
        beat = json.loads(client.recv())
    assert beat["last_trade_id"] == executed["coinbase:BTC-USD"] - at_coinbase + 1


@pytest.mark.parametrize(("exchange", "symbol"), PLACES)
def test_a_jump_is_in_one_frame_and_its_own_id_is_still_to_be_had(
    seeded: Seeded, exchange: str, symbol: str
) -> None:
    simulation = seeded(1000)
    client = connected(simulation, exchange)
    ids = [next_trade(client)[0]]
    from_id, told_id = spoil(simulation, exchange, symbol, "jump")
    assert told_id == from_id + JUMP
    while ids[-1] != told_id:
        ids.append(next_trade(client)[0])
    ids += [next_trade(client)[0] for _ in range(20)]
    first = ids[0]
    expected = list(range(first, first + len(ids)))
    expected[expected.index(from_id)] = told_id
    assert ids == expected
    (line,) = simulation.truth(exchange, symbol, f"&from_id={from_id}&to_id={from_id}")
    assert line["trade_id"] == from_id
    if exchange == "binance":
        assert simulation.get(f"{HISTORY}&fromId={from_id}&limit=1")[0]["id"] == from_id


def test_another_symbol_is_told_as_it_is(seeded: Seeded) -> None:
    simulation = seeded(1000)
    spoil(simulation, "binance", "BTC-USDT", "reset")
    client = simulation.connect("/binance/ws/ethbtc@trade")
    ids = [next_trade(client)[0] for _ in range(20)]
    assert ids == list(range(ids[0], ids[0] + 20))
    assert ids[0] > 20


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("exchange=nowhere&symbol=BTC-USDT&kind=jump", 404),
        ("exchange=binance&symbol=NO-SUCH&kind=jump", 404),
        ("exchange=binance&symbol=BTC-USDT&kind=hop", 400),
    ],
)
def test_a_wrong_anomaly_is_refused_in_one_sentence(
    seeded: Seeded, query: str, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        seeded().post(f"/anomaly?{query}")
    with refused.value as answer:
        assert answer.code == status
        assert "must be one of" in json.loads(answer.read())["error"]

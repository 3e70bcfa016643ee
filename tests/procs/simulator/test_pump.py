"""Trades at their time, pauses to the trade, and clients that do not read."""

import json
import socket
import time
import urllib.request
from typing import Any

import pytest

from procs.simulator import wire
from procs.simulator.schedule import Schedule
from tests.eventually import eventually
from tests.procs.simulator.conftest import SYMBOLS, Seeded, wall

STREAM = "/binance/stream?streams=btcusdt@trade"


def next_id(client: Any) -> int:
    """Return the next trade id received."""
    found: int = json.loads(client.recv())["data"]["t"]
    return found


def test_pause_answers_when_the_last_trade_was_sent_and_nothing_follows(seeded: Seeded) -> None:
    simulation = seeded(2000)
    client = simulation.connect(STREAM)
    received = [next_id(client)]
    for _ in range(3):
        paused = simulation.post("/pause")
        assert (paused["trading"], paused["sent"]) == (False, True)
        last = paused["executed"]["binance:BTC-USDT"]
        while received[-1] != last:
            received.append(next_id(client))
        assert simulation.get("/health")["executed"] == paused["executed"]
        assert simulation.post("/pause")["executed"] == paused["executed"]
        resumed = simulation.post("/resume")
        assert resumed["trading"] is True
        received.append(next_id(client))
    assert received == list(range(received[0], received[-1] + 1))
    truth = simulation.truth("binance", "BTC-USDT")
    times = [line["ts_event"] for line in truth]
    assert times == sorted(times)
    assert [line["trade_id"] for line in truth] == list(range(1, len(truth) + 1))


def test_trades_before_a_pause_keep_their_times_for_ever(seeded: Seeded) -> None:
    simulation = seeded(2000)
    simulation.post("/pause")
    before = simulation.truth("coinbase", "BTC-USD")
    simulation.post("/resume")
    eventually(lambda: simulation.get("/health")["executed"]["coinbase:BTC-USD"] > len(before) + 9)
    assert simulation.truth("coinbase", "BTC-USD")[: len(before)] == before


def test_part_of_the_truth_can_be_asked_for(seeded: Seeded) -> None:
    simulation = seeded(2000)
    simulation.post("/pause")
    whole = simulation.truth("binance", "ETH-BTC")
    assert simulation.truth("binance", "ethbtc", "&from_id=4&to_id=9") == whole[3:9]


@pytest.mark.alone
def test_trades_go_out_within_milliseconds_of_their_time(seeded: Seeded) -> None:
    client = seeded(1000).connect(STREAM)
    late_ms = []
    for _ in range(300):
        text = client.recv()
        late_ms.append(time.time() * 1000 - json.loads(text)["data"]["T"])
    late_ms.sort()
    assert late_ms[0] >= 0
    assert late_ms[150] < 15, "under 2 ms on an idle machine"


def test_a_client_that_does_not_read_costs_no_memory_and_misses_nothing(seeded: Seeded) -> None:
    simulation = seeded(40_000)
    slow, quick = (
        simulation.connect("/binance/stream?streams=ethbtc@trade"),
        simulation.connect(STREAM),
    )
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    first = next_id(slow)
    last_quick = 0
    while last_quick < first + 30_000:
        last_quick = next_id(quick)
    behind, ahead = sorted(simulation.sources[0].clients, key=lambda client: client.cursor)
    assert behind.cursor < ahead.cursor - 4_000, "it was left where it is"
    assert behind.wire.unsent < wire.HIGH_WATER * 3
    received = [first]
    while received[-1] < first + 30_000:
        received.append(next_id(slow))
    assert received == list(range(first, first + 30_001))


def test_trades_go_on_while_nobody_listens(seeded: Seeded) -> None:
    simulation = seeded(1000)
    executed = simulation.get("/health")["executed"]["binance:BTC-USDT"]
    eventually(lambda: simulation.get("/health")["executed"]["binance:BTC-USDT"] > executed + 20)
    first = json.loads(simulation.connect(STREAM).recv())["data"]["t"]
    assert first > executed + 20


def test_two_and_a_half_million_trades_of_the_past_are_told_bit_by_bit(seeded: Seeded) -> None:
    """The first lines come at once and a trade of the far past costs what a new one does."""
    schedule = Schedule(100_000_000, ())
    schedule.open(wall() - 100_000_000, SYMBOLS)
    schedule.close(wall())
    simulation = seeded(schedule=schedule)
    started = time.monotonic()
    address = f"http://{simulation.address}/truth?exchange=binance&symbol=BTC-USDT"
    with urllib.request.urlopen(address, timeout=20) as answer:
        lines = [answer.readline() for _ in range(1000)]
    assert time.monotonic() - started < 2
    assert [json.loads(line)["trade_id"] for line in lines] == list(range(1, 1001))
    last = simulation.get("/health")["executed"]["binance:BTC-USDT"]
    assert last > 2_400_000
    (line,) = simulation.truth("binance", "BTC-USDT", f"&from_id={last}")
    assert line["trade_id"] == last

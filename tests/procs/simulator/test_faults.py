"""Faults: decided by the seed, and only on the way out."""

import json
from collections import Counter
from typing import Any

import pytest

from bus.errors import SettingError
from procs.simulator import faults
from procs.simulator.faults import Faults
from tests.eventually import eventually
from tests.procs.simulator.conftest import Seeded, until_cut

BINANCE = "/binance/stream?streams=btcusdt@trade/ethbtc@trade"


def received(client: Any, until: dict[str, int]) -> tuple[list[tuple[str, int]], int]:
    """Return (native symbol, id) as they came until the last ids, and the count of bad frames."""
    got: list[tuple[str, int]] = []
    bad = 0
    waiting = dict(until)
    while waiting:
        try:
            data = json.loads(client.recv())["data"]
            native, trade_id = data["s"], data["t"]
            assert trade_id > 0
        except (ValueError, KeyError, TypeError, AssertionError):
            bad += 1
            continue
        got.append((native, trade_id))
        if trade_id == waiting.get(native):
            del waiting[native]
    return got, bad


def test_faults_change_what_is_sent_and_never_the_truth(seeded: Seeded) -> None:
    simulation = seeded(2000, faults=Faults(dup=0.2, reorder=30, garbage=0.1))
    client = simulation.connect(BINANCE)
    eventually(lambda: simulation.get("/health")["executed"]["binance:ETH-BTC"] > 400)
    executed = simulation.post("/pause")["executed"]
    until = {"BTCUSDT": executed["binance:BTC-USDT"], "ETHBTC": executed["binance:ETH-BTC"]}
    got, bad = received(client, until)
    counts = Counter(got)
    assert bad > 5
    assert sum(count == 2 for count in counts.values()) > 20
    ids = [trade_id for native, trade_id in got if native == "BTCUSDT"]
    assert ids != sorted(ids)
    truth = [line["trade_id"] for line in simulation.truth("binance", "BTC-USDT")]
    assert truth == list(range(1, until["BTCUSDT"] + 1))


def test_two_clients_miss_the_same_trades(seeded: Seeded) -> None:
    simulation = seeded(2000, faults=Faults(drop=0.3))
    clients = [simulation.connect(BINANCE) for _ in range(2)]
    sets = []
    for client in clients:
        found = [json.loads(client.recv())["data"] for _ in range(600)]
        sets.append({data["t"] for data in found if data["s"] == "BTCUSDT"})
    first, last = (max(map(min, sets)), min(map(max, sets)))
    common = [{one for one in found if first <= one <= last} for found in sets]
    assert common[0] == common[1]
    assert 0.5 < len(common[0]) / (last - first + 1) < 0.9


def test_a_connection_is_cut_without_a_word_when_its_time_is_over(seeded: Seeded) -> None:
    client = seeded(faults=Faults(disconnect=1.0)).connect(BINANCE)
    assert len(until_cut(client)) > 10


def test_a_stalled_connection_is_silent_for_its_time_once_a_minute() -> None:
    chosen = Faults(stall=5)
    silent = [age for age in range(200) if chosen.silent(age)]
    assert silent == [*range(10, 15), *range(70, 75), *range(130, 135), *range(190, 195)]
    assert not any(Faults().silent(age) for age in range(200))


def test_the_parts_of_a_fate_are_as_frequent_as_asked() -> None:
    chosen = Faults(drop=0.1, dup=0.2, reorder=50, garbage=0.05)
    fates = [chosen.fate(number) for number in range(20_000)]
    copies = Counter(fate.copies for fate in fates)
    assert 0.08 < copies[0] / 20_000 < 0.12
    assert 0.16 < copies[2] / 20_000 < 0.20  # of those not dropped
    assert 0.04 < sum(fate.garbage is not None for fate in fates) / 20_000 < 0.06
    assert min(fate.delay_us for fate in fates) >= 0
    assert 45_000 < max(fate.delay_us for fate in fates) < 50_000
    assert Faults().fate(5) == faults.Fate(1, 0, None)


def test_the_text_of_the_command_line_is_understood() -> None:
    text = "drop=0.01, dup=0.02,reorder=50,garbage=0.001,disconnect=30,stall=2"
    assert faults.parse(text) == Faults(0.01, 0.02, 50, 0.001, 30, 2)
    assert faults.parse("") == Faults()


@pytest.mark.parametrize(
    "text", ["drop=2", "drop=x", "drop", "lose=1", "disconnect=0.5", "stall=-1", "drop=nan"]
)
def test_a_wrong_fault_is_named(text: str) -> None:
    with pytest.raises(SettingError, match="--faults"):
        faults.parse(text)

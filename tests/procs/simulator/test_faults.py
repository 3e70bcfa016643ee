"""Faults: decided by the seed, and only on the way out."""

import json
import time
import urllib.error
from collections import Counter
from typing import Any

import pytest
import websocket

from bus.errors import SettingError
from procs.simulator import faults
from procs.simulator.faults import Faults
from procs.simulator.truth import key_of
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
        except (ValueError, KeyError, TypeError, AssertionError, RecursionError):
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
    assert sum(count > 1 for count in counts.values()) > 20
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
    assert 0.07 < copies[2] / 20_000 < 0.11  # of those not dropped
    assert 0.07 < copies[3] / 20_000 < 0.11
    assert 0.04 < sum(fate.garbage is not None for fate in fates) / 20_000 < 0.06
    assert min(fate.delay_us for fate in fates) >= 0
    assert 45_000 < max(fate.delay_us for fate in fates) < 50_000
    assert Faults().fate(5) == faults.Fate(1, 0, None)


def test_the_text_of_the_command_line_is_understood() -> None:
    text = "drop=0.01, dup=0.02,reorder=50,garbage=0.001,disconnect=30,stall=2"
    assert faults.parse(text) == Faults(0.01, 0.02, 50, 0.001, 30, 2)
    more = "huge=0.1,cut=0.2,rest_fail=0.3,badprice=0.4"
    assert faults.parse(more) == Faults(huge=0.1, cut=0.2, rest_fail=0.3, badprice=0.4)
    assert faults.parse("") == Faults()


@pytest.mark.parametrize(
    "text",
    ["drop=2", "drop=x", "drop", "lose=1", "disconnect=0.5", "stall=-1", "drop=nan", "rest_fail=9"],
)
def test_a_wrong_fault_is_named(text: str) -> None:
    with pytest.raises(SettingError, match="--faults"):
        faults.parse(text)


def test_faults_are_independent_of_each_other() -> None:
    """Each of the rare ones hits its own part of the trades, not the same one."""
    chosen = Faults(huge=0.1, cut=0.1)
    fates = [chosen.fate(number) for number in range(5_000)]
    assert 400 < sum(fate.cut for fate in fates) < 600
    assert 400 < sum(fate.garbage is not None for fate in fates) < 600
    assert 20 < sum(fate.cut and fate.garbage is not None for fate in fates) < 90
    assert {len(fate.garbage or "") for fate in fates} == {0, faults.HUGE_BYTES + 8}


def test_a_message_longer_than_anything_comes_whole_and_trades_go_on(seeded: Seeded) -> None:
    client = seeded(200, faults=Faults(huge=0.05)).connect(BINANCE)
    length = faults.HUGE_BYTES + 8
    header = b"\x81\x7f" + length.to_bytes(8, "big")
    raw = bytearray()
    while (at := raw.find(header)) < 0 or len(raw) < at + len(header) + length + 2:
        raw += client.sock.recv(1 << 20)
    end = at + len(header) + length
    assert raw[end - 3 : end] == b'x"}'
    assert bytes(raw[end : end + 2]) in (b"\x81\x7e", b"\x81\x7f"), "another frame follows"


def bytes_until_closed(client: Any) -> bytes:
    """Return what else comes on the socket itself."""
    parts = []
    while part := client.sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def cut_off(raw: bytes) -> int:
    """Return how many bytes the last frame lacks; each is a text shorter than 64 KiB."""
    at = 0
    while at < len(raw):
        assert raw[at] == 0x81
        long = raw[at + 1] == 126
        length = int.from_bytes(raw[at + 2 : at + 4], "big") if long else raw[at + 1]
        at += (4 if long else 2) + length
    return at - len(raw)


def test_a_connection_is_closed_in_the_middle_of_a_frame(seeded: Seeded) -> None:
    simulation = seeded(1000, faults=Faults(cut=0.02))
    lacking = [cut_off(bytes_until_closed(simulation.connect(BINANCE))) for _ in range(5)]
    assert all(50 < count < 120 for count in lacking)


def asked(simulation: Any) -> tuple[int, str | None]:
    """Return status and Retry-After of a question by REST."""
    try:
        simulation.open("/binance/rest/api/v3/ping")
    except urllib.error.HTTPError as failed:
        with failed:
            return failed.code, failed.headers["Retry-After"]
    return 200, None


def test_rest_fails_in_every_way_as_the_seed_says_and_no_longer_than_asked(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.simulator.failing.SILENCE_S", 0.03)
    chosen = Faults(rest_fail=0.5)
    key = key_of(7, "rest", "binance")
    expected = [chosen.rest_failure(key + number) for number in range(1, 51)]
    assert set(expected) == {None, *faults.REST_FAILURES}
    assert 15 < expected.count(None) < 35
    simulation = seeded(faults=chosen)
    simulation.open("/health")  # our own routes are none of the exchange's
    for status in expected:
        begun = time.monotonic()
        retry_after = "1" if status in (418, 429) else None
        assert asked(simulation) == (status or 200, retry_after)
        if status == faults.SILENCE:
            assert time.monotonic() - begun > 0.028  # uvloop's timers are whole milliseconds
    simulation.post("/faults?rest_fail=0")
    assert [asked(simulation) for _ in range(20)] == [(200, None)] * 20


def test_faults_change_while_it_runs(seeded: Seeded) -> None:
    simulation = seeded(1000)
    assert simulation.get("/faults") == Faults()._asdict()
    client = simulation.connect(BINANCE)
    client.recv()
    assert simulation.post("/faults?drop=1&reorder=5")["drop"] == 1
    assert simulation.post("/faults?reorder=0") == Faults(drop=1)._asdict()
    client.settimeout(0.3)
    with pytest.raises(websocket.WebSocketTimeoutException):
        list(iter(client.recv, None))
    assert json.loads(simulation.open("/faults", "DELETE")[0]) == Faults()._asdict()
    assert "trade" in client.recv()
    simulation.post("/faults?disconnect=1")
    assert until_cut(client)


@pytest.mark.parametrize("query", ["drop=2", "lose=1", "drop=0.1&cut=x", "drop"])
def test_a_wrong_fault_at_run_time_is_one_sentence_and_changes_nothing(
    seeded: Seeded, query: str
) -> None:
    simulation = seeded(faults=Faults(dup=0.1))
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulation.post(f"/faults?{query}")
    with refused.value as answer:
        said = json.loads(answer.read())["error"]
        assert (answer.code, said.count("\n")) == (400, 0)
        assert said.startswith("faults: ")
    assert simulation.get("/faults") == Faults(dup=0.1)._asdict()

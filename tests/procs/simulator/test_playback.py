"""Recordings played: exactly their trades, in order, to those who subscribed to them."""

import json
import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bus.errors import SettingError
from procs.simulator import recording
from procs.simulator.exchanges import exchanges
from procs.simulator.times import parse_iso
from tests.eventually import eventually
from tests.fix_recordings import OWN, frames, recorded
from tests.procs.simulator.conftest import Played

COINBASE = "coinbase/BTC-USD_ETH-USD_DOGE-USD.txt.zst"
BINANCE = "binance/BTC-USDT_ETH-USDT_ETH-BTC.txt.zst"
REAL_SPOT = ("binance/spot_btcusdt_20240808.txt.zst", "binance/spot_btcusdt_20240809.txt.zst")
REAL_ETH = "binance/spot_ethusdt_20240808.txt.zst"
REAL_COINBASE = "coinbase/ws_feed_20210417.txt.zst"
MATCHES = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches"]}
LARGE = 8_000
LOOKS = 20
ROUNDING_S = 0.002


def texts(*names: str) -> list[str]:
    """Return the frames of files, read in another way than the simulator reads them."""
    return [text.decode() for path in recorded(*names) for _, text in frames(path)]


def received(client: Any, count: int) -> list[str]:
    return [client.recv() for _ in range(count)]


@pytest.mark.parametrize(("names", "count"), [((BINANCE,), 1_081), (REAL_SPOT, 19_904)])
def test_a_recording_at_full_speed_is_its_trades_byte_for_byte(
    played: Played, names: tuple[str, ...], count: int
) -> None:
    expected = [text for text in texts(*names) if '@trade"' in text]
    assert len(expected) == count
    simulation = played(*names)
    events = [json.loads(text)["data"] for text in expected]
    natives = dict.fromkeys(event["s"] for event in events)
    streams = "/".join(f"{native.lower()}@trade" for native in natives)
    client = simulation.connect(f"/binance/stream?streams={streams}")
    assert received(client, count) == expected
    for native in natives:
        base = native[:3]  # of BTC and ETH; what follows is the quote
        symbol = f"{base}-{native.removeprefix(base)}"
        assert simulation.truth("binance", symbol) == [
            {
                "symbol": symbol,
                "trade_id": event["t"],
                "ts_event": event["T"] * 1000,
                "price": event["p"],
                "size": event["q"],
                "side": "sell" if event["m"] else "buy",
            }
            for event in events
            if event["s"] == native
        ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (BINANCE, ("ethusdt@trade", "ethbtc@trade")),
        (REAL_ETH, ("ethusdt@trade", "ethusdt@bookTicker")),
    ],
)
def test_streams_are_sent_only_to_who_subscribed_to_them(
    played: Played, name: str, wanted: tuple[str, ...]
) -> None:
    expected = [json.loads(text) for text in texts(name)]
    bare = [one["data"] for one in expected if one.get("stream") in wanted]
    assert 0 < len(bare) < len(expected)
    simulation = played(name)
    client = simulation.connect("/binance/ws/" + "/".join(wanted))
    assert [json.loads(text) for text in received(client, len(bare))] == bare


@pytest.mark.parametrize(
    ("name", "product", "count"), [(COINBASE, "ETH-USD", 1_083), (REAL_COINBASE, "SKL-BTC", 107)]
)
def test_coinbase_matches_are_played_and_told_by_rest(
    played: Played, name: str, product: str, count: int
) -> None:
    expected = [text for text in texts(name) if json.loads(text)["type"].endswith("match")]
    assert len(expected) == count
    simulation = played(name)
    products = [product["id"] for product in simulation.get("/coinbase/rest/products")]
    assert set(products) == {json.loads(text)["product_id"] for text in expected}
    request = {"type": "subscribe", "product_ids": products, "channels": ["matches"]}
    client = simulation.connect("/coinbase/ws", request)
    assert json.loads(client.recv())["type"] == "subscriptions"
    assert received(client, count) == expected
    told = simulation.get(f"/coinbase/rest/products/{product}/trades")
    mine = [event for event in map(json.loads, expected) if event["product_id"] == product]
    keys = ("trade_id", "price", "size", "side")
    newest = mine[: -len(told) - 1 : -1]
    assert [[row[key] for key in keys] for row in told] == [
        [event[key] for key in keys] for event in newest
    ]
    assert len(told) == min(len(mine), 1000)


def test_nothing_is_played_before_somebody_subscribes(played: Played) -> None:
    simulation = played(BINANCE)
    assert simulation.truth("binance", "BTC-USDT") == []
    client = simulation.connect("/binance/stream?streams=btcusdt@trade")
    client.recv()
    assert len(simulation.truth("binance", "BTC-USDT")) > 0


@pytest.mark.parametrize(("settled_after_s", "whole"), [(2.0, True), (0.0, False)])
def test_who_subscribes_to_one_symbol_soon_after_the_other_misses_nothing(
    played: Played, monkeypatch: pytest.MonkeyPatch, settled_after_s: float, whole: bool
) -> None:
    monkeypatch.setattr("procs.simulator.playback.SETTLED_AFTER_S", settled_after_s)
    simulation = played(COINBASE)
    client = simulation.connect("/coinbase/ws", MATCHES)
    if not whole:
        eventually(lambda: simulation.truth("coinbase", "ETH-USD"), within=10)
    client.send(json.dumps({**MATCHES, "product_ids": ["ETH-USD"]}))
    expected = [text for text in texts(COINBASE) if '"ETH-USD"' in text and "_match" in text]
    got = received(client, 100)
    assert (expected[0] in got) is whole


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording that no socket's buffers hold."""
    path = tmp_path / "binance" / "large.txt.zst"
    path.parent.mkdir()
    lines = (
        f'{1_723_161_255 + number}.5 {{"e":"trade","E":1,"s":"BTCUSDT","t":{number},"p":"1.5",'
        f'"q":"2","T":1,"m":true,"pad":"{"x" * 2000}"}}'
        for number in range(1, LARGE + 1)
    )
    path.write_bytes(zstandard.compress("\n".join(lines).encode()))
    monkeypatch.setenv("RECORDINGS_DIR", str(tmp_path))
    return "binance/large.txt.zst"


def test_a_client_that_does_not_read_holds_the_playback_up(played: Played, large: str) -> None:
    simulation = played(large)
    client = simulation.connect("/binance/ws/btcusdt@trade")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.recv()

    def executed() -> int:
        last: int = simulation.get("/health")["executed"]["binance:BTC-USDT"]
        return last

    # Each answer comes from the loop that plays: it has had its turn as often.
    eventually(lambda: len({executed() for _ in range(LOOKS)}) == 1, within=20)
    assert executed() < LARGE
    total = 1
    while total < LARGE:  # and yet it gets every one of them
        total += len(received(client, min(500, LARGE - total)))
    assert executed() == LARGE


@pytest.fixture
def first_us() -> int:
    """When the first frame of our Coinbase recording was received, µs UTC."""
    ts, _ = next(frames(*recorded(COINBASE)))
    return ts


def test_at_a_speed_time_goes_that_much_faster(played: Played, first_us: int) -> None:
    simulation = played(COINBASE, speed=6.0)
    first_s: float = simulation.get("/coinbase/rest/time")["epoch"]
    assert 0 <= first_s - first_us / 1e6 < 1
    client = simulation.connect("/coinbase/ws", MATCHES)
    begun = received(client, 2)[1:]  # time goes so from the first match on
    looks: list[tuple[float, float, float]] = []

    def is_over() -> bool:
        """Note the exchange's time, between our own before and after the question."""
        before = time.monotonic()
        epoch: float = simulation.get("/coinbase/rest/time")["epoch"]
        looks.append((before, epoch, time.monotonic()))
        return epoch > first_s + 11

    eventually(is_over, within=20)
    assert len(looks) > 2
    for (asked, earlier, told), (asked_again, later, told_again) in pairwise(looks[:-1]):
        shortest, longest = asked_again - told, told_again - asked
        assert 6 * shortest - ROUNDING_S <= later - earlier <= 6 * longest + ROUNDING_S
    ids = [json.loads(text)["trade_id"] for text in begun + received(client, 299)]
    assert ids == list(range(ids[0], ids[0] + 300))


def test_a_pause_stops_the_playback_and_its_time(played: Played) -> None:
    simulation = played(COINBASE, speed=6.0)
    simulation.connect("/coinbase/ws", MATCHES).recv()
    eventually(lambda: simulation.truth("coinbase", "BTC-USD"))
    paused = simulation.post("/pause")
    times = [simulation.get("/coinbase/rest/time")["epoch"] for _ in range(5)]
    assert len(set(times)) == 1
    assert simulation.get("/health")["executed"] == paused["executed"]
    simulation.post("/resume")
    eventually(lambda: simulation.get("/coinbase/rest/time")["epoch"] > times[0])


def test_heartbeats_go_on_after_the_end(played: Played, first_us: int) -> None:
    simulation = played(COINBASE)
    client = simulation.connect("/coinbase/ws", {**MATCHES, "channels": ["matches", "heartbeat"]})
    last_match = 0
    beats: list[dict[str, Any]] = []
    while len(beats) < 2:
        frame = json.loads(client.recv())
        if frame["type"] == "heartbeat":
            beats.append(frame)
        elif frame["type"] == "match":
            last_match = frame["trade_id"]
    assert [beat["last_trade_id"] for beat in beats] == [last_match, last_match]
    assert parse_iso(beats[1]["time"]) > parse_iso(beats[0]["time"]) > first_us + 11_000_000


def test_times_can_be_moved_so_that_the_first_frame_is_now(played: Played) -> None:
    simulation = played(COINBASE, shift_time=True)
    client = simulation.connect("/coinbase/ws", MATCHES)
    moved = [parse_iso(json.loads(text)["time"]) for text in received(client, 8)[1:]]
    truth = simulation.truth("coinbase", "BTC-USD")
    assert [line["ts_event"] for line in truth][:7] == moved
    assert abs(moved[0] / 1e6 - time.time()) < 15
    recorded_there = [json.loads(text) for text in texts(COINBASE)]
    mine = [one for one in recorded_there if one.get("product_id") == "BTC-USD" and "side" in one]
    shifts = {after - parse_iso(one["time"]) for after, one in zip(moved, mine, strict=False)}
    assert len(shifts) == 1
    assert shifts.pop() % 1000 == 0


def test_files_that_overlap_are_merged_by_receive_time() -> None:
    paths = recorded(BINANCE, COINBASE)
    times = [ts for ts, _ in recording.frames(paths)]
    assert times == sorted(times)
    assert len(times) == len(texts(BINANCE, COINBASE))
    (binance, coinbase) = recording.scan(paths, exchanges())
    assert {native: one.symbol for native, one in binance.listings.items()} == {
        "BTCUSDT": "BTC-USDT",
        "ETHUSDT": "ETH-USDT",
        "ETHBTC": "ETH-BTC",
    }
    assert (binance.trades, coinbase.trades) == (1_081, 1_083)


def test_real_files_that_overlap_are_merged_and_their_steps_are_the_real_ones() -> None:
    paths = recorded(REAL_SPOT[0], REAL_ETH)
    times = [ts for ts, _ in recording.frames(paths)]
    assert len(times) == 41_249 + 33_618
    assert times == sorted(times)
    (scanned,) = recording.scan(paths, exchanges())
    assert scanned.listings["BTCUSDT"].tick_size == "0.01000000"
    assert scanned.trades == 9_757 + 6_106


def test_a_file_is_found_by_its_path_or_by_its_name_with_or_without_the_ending() -> None:
    (path,) = recorded(BINANCE)
    names = (str(path), BINANCE, BINANCE.removesuffix(".txt.zst"))
    assert recording.find(", ".join(names), OWN) == [path.resolve()] * 3


def test_a_file_that_is_not_there_or_no_recording_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="is not there"):
        recording.find("no/such", OWN)
    wrong = tmp_path / "binance" / "x.txt.zst"
    wrong.parent.mkdir()
    for content, reason in (
        (b"not zstd", "cannot be read"),
        (zstandard.compress(b"12.5 {}\nno time {}\n"), "after line 2"),
        (zstandard.compress(b"12.5 {}\n"), "no trade"),
    ):
        wrong.write_bytes(content)
        with pytest.raises(SettingError, match=reason):
            recording.scan([wrong], exchanges())
    with pytest.raises(SettingError, match="put it into a folder"):
        recording.scan([tmp_path / "elsewhere" / "x"], exchanges())

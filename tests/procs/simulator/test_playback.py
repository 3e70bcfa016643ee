"""Recordings played: exactly their trades, in order, to those who subscribed to them."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bus.errors import SettingError
from procs.simulator import recording
from procs.simulator.exchanges import exchanges
from procs.simulator.times import parse_iso
from tests.eventually import eventually
from tests.procs.simulator.conftest import Played, Simulation

pytestmark = pytest.mark.usefixtures("recordings")
SPOT = ("binance/spot_btcusdt_20240808", "binance/spot_btcusdt_20240809")
COINBASE = "coinbase/ws_feed_20210417"


def frames(recordings: Path, *names: str) -> Iterator[str]:
    """Yield the frames of files, read in another way than the simulator reads them."""
    for name in names:
        packed = (recordings / f"{name}.txt.zst").read_bytes()
        with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
            for line in reader.read().decode().splitlines():
                yield line.split(" ", 1)[1]


def received(client: Any, count: int) -> list[str]:
    return [client.recv() for _ in range(count)]


def test_both_spot_files_at_full_speed_are_19904_trades_byte_for_byte(
    played: Played, recordings: Path
) -> None:
    expected = [text for text in frames(recordings, *SPOT) if '"btcusdt@trade"' in text]
    assert len(expected) == 19_904
    simulation = played(*SPOT)
    client = simulation.connect("/binance/stream?streams=btcusdt@trade")
    assert received(client, 19_904) == expected
    truth = simulation.truth("binance", "BTC-USDT")
    events = [json.loads(text)["data"] for text in expected]
    assert truth == [
        {
            "symbol": "BTC-USDT",
            "trade_id": event["t"],
            "ts_event": event["T"] * 1000,
            "price": event["p"],
            "size": event["q"],
            "side": "sell" if event["m"] else "buy",
        }
        for event in events
    ]


def test_other_streams_are_sent_only_to_who_subscribed_to_them(
    played: Played, recordings: Path
) -> None:
    wanted = ("ethusdt@trade", "ethusdt@bookTicker")
    expected = [
        text
        for text in frames(recordings, "binance/spot_ethusdt_20240808")
        if json.loads(text).get("stream") in wanted
    ]
    simulation = played("binance/spot_ethusdt_20240808")
    client = simulation.connect("/binance/ws/" + "/".join(wanted))
    bare = [json.loads(text)["data"] for text in expected]
    assert [json.loads(text) for text in received(client, len(expected))] == bare


def test_coinbase_matches_are_played_and_told_by_rest(played: Played, recordings: Path) -> None:
    simulation = played(COINBASE)
    products = [product["id"] for product in simulation.get("/coinbase/rest/products")]
    assert len(products) == 10
    request = {"type": "subscribe", "product_ids": products, "channels": ["matches"]}
    client = simulation.connect("/coinbase/ws", request)
    assert json.loads(client.recv())["type"] == "subscriptions"
    expected = [
        text for text in frames(recordings, COINBASE) if json.loads(text)["type"].endswith("match")
    ]
    assert len(expected) == 107
    assert received(client, 107) == expected
    told = simulation.get("/coinbase/rest/products/SKL-BTC/trades")
    mine = [event for event in map(json.loads, expected) if event["product_id"] == "SKL-BTC"]
    assert [row["trade_id"] for row in told] == [event["trade_id"] for event in mine][::-1]
    keys = ("price", "size", "side")
    assert [[row[key] for key in keys] for row in told] == [
        [event[key] for key in keys] for event in mine[::-1]
    ]


def test_nothing_is_played_before_somebody_subscribes(played: Played) -> None:
    simulation = played(SPOT[0])
    assert simulation.truth("binance", "BTC-USDT") == []
    client = simulation.connect("/binance/stream?streams=btcusdt@trade")
    client.recv()
    assert len(simulation.truth("binance", "BTC-USDT")) > 0


def test_a_client_that_does_not_read_holds_the_playback_up(played: Played) -> None:
    simulation = played("binance/usdm_btcusdt_20240808")
    client = simulation.connect("/binance/ws/btcusdt@bookTicker")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.recv()

    def stands() -> bool:
        before = trades(simulation)
        until = time.monotonic() + 0.3
        eventually(lambda: time.monotonic() > until)
        return trades(simulation) == before

    eventually(stands)
    assert trades(simulation) < 21_000
    total = 1
    while total < 66_089:  # and yet it gets every one of them
        total += len(received(client, min(500, 66_089 - total)))
    assert trades(simulation) == 21_313


def trades(simulation: Simulation) -> int:
    """Return how many trades of the futures file have been played."""
    last: int = simulation.get("/health")["executed"]["binance:BTC-USDT"]
    return max(0, last - 5266583934)


def test_at_a_speed_time_goes_that_much_faster(played: Played) -> None:
    simulation = played(COINBASE, speed=20.0)
    first = simulation.get("/coinbase/rest/time")["epoch"]
    assert 1618677817.0 <= first < 1618677818
    request = {"type": "subscribe", "product_ids": ["SKL-BTC"], "channels": ["matches"]}
    client = simulation.connect("/coinbase/ws", request)
    started = time.monotonic()
    eventually(lambda: simulation.get("/coinbase/rest/time")["epoch"] > 1618677847.8)
    took = time.monotonic() - started
    assert 1.3 < took < 4, "30.8 s twenty times as fast"
    frames = [json.loads(client.recv()) for _ in range(8)]
    ids = [frame["trade_id"] for frame in frames if frame["type"].endswith("match")]
    assert ids == list(range(ids[0], ids[0] + 7))


def test_a_pause_stops_the_playback_and_its_time(played: Played) -> None:
    simulation = played(COINBASE, speed=20.0)
    request = {"type": "subscribe", "product_ids": ["SKL-BTC"], "channels": ["matches"]}
    simulation.connect("/coinbase/ws", request).recv()
    eventually(lambda: simulation.truth("coinbase", "SKL-BTC"))
    paused = simulation.post("/pause")
    times = [simulation.get("/coinbase/rest/time")["epoch"] for _ in range(5)]
    assert len(set(times)) == 1
    assert simulation.get("/health")["executed"] == paused["executed"]
    simulation.post("/resume")
    eventually(lambda: simulation.get("/coinbase/rest/time")["epoch"] > times[0])


def test_heartbeats_go_on_after_the_end(played: Played) -> None:
    simulation = played(COINBASE)
    channels = ["matches", "heartbeat"]
    request = {"type": "subscribe", "product_ids": ["SKL-BTC"], "channels": channels}
    client = simulation.connect("/coinbase/ws", request)
    beats: list[dict[str, Any]] = []
    last_match = 0
    while len(beats) < 2:
        frame = json.loads(client.recv())
        if frame["type"] == "heartbeat":
            beats.append(frame)
        elif frame["type"] == "match":
            last_match = frame["trade_id"]
    assert [beat["last_trade_id"] for beat in beats] == [last_match, last_match]
    assert parse_iso(beats[1]["time"]) > parse_iso(beats[0]["time"]) > 1618677847_000_000


def test_times_can_be_moved_so_that_the_first_frame_is_now(played: Played) -> None:
    simulation = played(COINBASE, shift_time=True)
    request = {"type": "subscribe", "product_ids": ["SKL-BTC"], "channels": ["matches"]}
    client = simulation.connect("/coinbase/ws", request)
    got = [json.loads(client.recv()) for _ in range(8)][1:]
    moved = [parse_iso(frame["time"]) for frame in got]
    assert moved == [line["ts_event"] for line in simulation.truth("coinbase", "SKL-BTC")][:7]
    assert abs(moved[1] / 1e6 - time.time()) < 40
    shift = moved[1] - parse_iso("2021-04-17T16:43:37.089723Z")
    assert shift % 1000 == 0


def test_files_that_overlap_are_merged_by_receive_time(recordings: Path) -> None:
    names = ["binance/spot_btcusdt_20240808", "binance/spot_ethusdt_20240808"]
    paths = recording.find(",".join(names), recordings)
    times = [ts for ts, _ in recording.frames(paths)]
    assert len(times) == 41_249 + 33_618
    assert times == sorted(times)
    (scanned,) = recording.scan(paths, exchanges())
    assert {native: one.symbol for native, one in scanned.listings.items()} == {
        "BTCUSDT": "BTC-USDT",
        "ETHUSDT": "ETH-USDT",
    }
    assert scanned.listings["BTCUSDT"].tick_size == "0.01000000"
    assert scanned.trades == 9_757 + 6_106


def test_a_file_that_is_not_there_or_no_recording_is_said_in_a_sentence(
    tmp_path: Path, recordings: Path
) -> None:
    with pytest.raises(SettingError, match="is not there"):
        recording.find("no/such", recordings)
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

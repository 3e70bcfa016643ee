"""``/ws`` over real sockets: bus messages in on ZeroMQ, frames out of a WebSocket."""

import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.eventually import eventually
from tests.faults import times
from tests.web.conftest import Start
from tests.web.messages import average, batch, candle, status, ticker
from tests.web.serve import Apart
from tests.web.stack import Stack, receive, say

_epochs = iter(range(100, 10_000))


def now() -> int:
    return time.time_ns() // 1000


@contextmanager
def subscribed(stack: Stack, **payload: object) -> Iterator[ClientConnection]:
    """A connection that has been told its snapshot."""
    with stack.connect() as made:
        say(made, "subscribe", **payload)
        receive(made, "snapshot")
        yield made


def test_a_connection_is_greeted(stack: Stack) -> None:
    with stack.connect() as client:
        greeting = receive(client, "connection_status")
    assert greeting == {"status": "connected", "process": "web-1", "version": "0.1.0"}


def test_a_ticker_comes_the_whole_way(stack: Stack) -> None:
    epoch = next(_epochs)
    with subscribed(stack, symbols=["ethusdt"]) as client:
        stack.publish(ticker(epoch=epoch, ts_recv=now()))
        payload = receive(client, "price_update")
    assert (payload["symbol"], payload["price"], payload["epoch"]) == ("ETH-USDT", 2346.1, epoch)
    assert 0 <= payload["age_ms"] < 5000
    assert payload["stale"] is False


def test_tickers_that_change_together_come_in_one_batch(stack: Stack) -> None:
    epoch = next(_epochs)
    with subscribed(stack, symbols="*", rate_ms=500) as client:
        stack.publish(ticker("ETH-USDT", epoch=epoch, ts_recv=now()))
        receive(client, "price_update")
        stack.publish(*(ticker("ETH-USDT", epoch=epoch, seq=seq) for seq in (2, 3)))
        stack.publish(ticker("ETH-BTC", epoch=epoch, seq=4))
        updates = receive(client, "batch_update")["updates"]
    assert {each["symbol"]: each["seq"] for each in updates} == {"ETH-USDT": 3, "ETH-BTC": 4}


def test_who_takes_it_compressed_and_who_does_not_are_told_the_same(stack: Stack) -> None:
    epoch = next(_epochs)
    told: list[list[dict[str, Any]]] = []
    with stack.connect() as packing, stack.connect(compression=None) as plain:
        assert (len(packing.protocol.extensions), len(plain.protocol.extensions)) == (1, 0)
        for client in (packing, plain):
            for channel in ("ticker", "trade"):
                say(client, "subscribe", symbols="*", channel=channel, rate_ms=500)
                receive(client, "snapshot")
        for seq in (1, 2):  # what changes first goes alone, the rest of it together
            for symbol in ("ETH-USDT", "ETH-BTC", "ETH-USDC"):
                stack.publish(ticker(symbol, epoch=epoch, seq=seq, ts_recv=now()))
        stack.publish(batch(1, [1, 2], epoch=epoch))
        for client in (packing, plain):
            frames: list[dict[str, Any]] = []
            while sum(frame["type"] == "trade_update" for frame in frames) < 2 or not any(
                frame["type"] == "batch_update" for frame in frames
            ):
                frames.append(json.loads(client.recv(timeout=5)))
            told.append(frames)
    trades = [[one["payload"] for one in each if one["type"] == "trade_update"] for each in told]
    assert trades[0] == trades[1]
    batches = [[one["payload"] for one in each if one["type"] == "batch_update"] for each in told]
    assert [one["seq"] for one in batches[0][-1]["updates"]] == [
        one["seq"] for one in batches[1][-1]["updates"]
    ]


def test_candles_averages_and_statuses_come_the_whole_way(stack: Stack) -> None:
    with stack.connect() as client:
        for channel in ("candle", "average", "status"):
            say(client, "subscribe", symbols=["ETHUSDT"], channel=channel)
            receive(client, "snapshot")
        stack.publish(candle(n=5, seq=50), average(count=77, seq=51), status())
        frames: dict[str, Any] = {}
        while len(frames) < 3:
            frame = json.loads(client.recv(timeout=5))
            frames[frame["type"]] = frame["payload"]
    assert (frames["candle_update"]["revision"], frames["candle_update"]["closed"]) == (5, False)
    assert frames["average_update"]["count"] == 77
    assert frames["status"]["state"] == "connected"


def trade_ids(client: ClientConnection, count: int) -> list[int]:
    return [receive(client, "trade_update")["trade_id"] for _ in range(count)]


def position(stack: Stack) -> Any:
    """Where the process is in binance's journal."""
    with stack.connect() as client:
        say(client, "subscribe", symbols=["ETHUSDT"], channel="trade")
        return receive(client, "subscribed")["resume"].get("binance")


def test_trades_come_one_by_one_and_a_client_resumes_where_it_was(stack: Stack) -> None:
    epoch = next(_epochs)
    with subscribed(stack, symbols=["ETHUSDT"], channel="trade") as client:
        stack.publish(batch(1, [1, 2], epoch=epoch), batch(2, [3], epoch=epoch))
        assert trade_ids(client, 3) == [1, 2, 3]
    stack.publish(batch(3, [4], epoch=epoch), batch(4, [5, 6], epoch=epoch))
    eventually(lambda: position(stack) == [epoch, 4])
    with stack.connect() as client:
        wish = {"symbols": ["ETHUSDT"], "channel": "trade", "resume": {"binance": [epoch, 2]}}
        say(client, "subscribe", **wish)
        assert receive(client, "subscribed")["recovered"] is True
        stack.publish(batch(5, [7], epoch=epoch))
        assert trade_ids(client, 4) == [4, 5, 6, 7]


def test_a_client_that_missed_too_much_is_told_so(stack: Stack) -> None:
    epoch = next(_epochs)
    stack.publish(batch(8, [8], epoch=epoch))
    eventually(lambda: position(stack) == [epoch, 8])
    with stack.connect() as client:
        wish = {"symbols": ["ETHUSDT"], "channel": "trade", "resume": {"binance": [epoch, 2]}}
        say(client, "subscribe", **wish)
        assert receive(client, "subscribed")["recovered"] is False
        updates = receive(client, "snapshot")["updates"]
    assert updates[-1]["trade_id"] == 8


def test_an_error_leaves_the_socket_open(stack: Stack) -> None:
    with stack.connect() as client:
        client.send("no json")
        assert receive(client, "error")["code"] == "BAD_REQUEST"
        client.send(b'{"type":"ping"}')
        assert receive(client, "pong") == {}


def ping_until_closed(client: ClientConnection) -> None:
    for _ in range(101):
        say(client, "ping")
    for _ in range(101):
        receive(client, "pong")


def test_too_many_messages_close_the_socket(stack: Stack) -> None:
    with stack.connect() as client, pytest.raises(ConnectionClosed) as closed:
        ping_until_closed(client)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429


def test_there_is_no_websocket_elsewhere(stack: Stack) -> None:
    with pytest.raises(InvalidStatus) as refused, stack.connect("/ws/nothing"):
        pass
    assert refused.value.response.status_code == 404


def raw(stack: Stack, message: bytes) -> socket.socket:
    """A WebSocket with a tiny buffer whose client reads only when the test does."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(10)
    made.connect(("127.0.0.1", stack.port))
    made.sendall(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert b" 101 " in made.recv(4096)
    made.sendall(bytes([0x81, 0x80 | len(message)]) + bytes(4) + message)
    answer = b'"subscribed"' if b'"subscribe"' in message else b'"pong"'
    eventually(lambda: answer in made.recv(4096, socket.MSG_PEEK))  # it stays unread
    return made


def test_f24_clients_that_take_nothing_are_closed_and_the_others_are_not(start: Start) -> None:
    stack = start(slow_after_s=0.5, close_within_s=30)
    message = b'{"type":"subscribe","symbols":"*","channel":"trade"}'
    with ExitStack() as opened, subscribed(stack, symbols="*", channel="trade") as other:
        slow = [opened.enter_context(raw(stack, message)) for _ in range(2)]
        # More than the kernel and the process hold for one who does not read.
        for seq in range(1, 31):
            stack.publish(batch(seq, list(range(seq * 1000, seq * 1000 + 1000))))
        assert trade_ids(other, 30_000) == list(range(1000, 31_000))
        eventually(lambda: too_slow(stack) == len(slow), within=10)
        for client in slow:
            received = b""
            while chunk := read(client):
                received += chunk
            assert received.endswith(bytes([0x88, 2 + len(b"too slow")]) + b"\x11\x38too slow")
        say(other, "ping")
        receive(other, "pong")


BUSY_S = 0.25
"""So long a trade may take on a machine that is busy with other tests too."""
ROUNDS = 50
FILLING = 100
"""Trades of one batch, of which a few are more than the kernel holds for one who does not read."""


@pytest.mark.alone
def test_f24_many_who_take_nothing_delay_nobody_and_cost_little_memory(start: Start) -> None:
    stack = start(apart=True, slow_after_s=times(2, 15))
    assert isinstance(stack.web, Apart)
    message = b'{"type":"subscribe","symbols":"*","channel":"trade"}'
    seqs = itertools.count(1)
    with ExitStack() as opened:
        healthy = [opened.enter_context(raw(stack, message)) for _ in range(times(10, 100))]
        usual = p99_s(stack, healthy, seqs)
        before = stack.web.rss_bytes()
        slow = [opened.enter_context(raw(stack, message)) for _ in range(times(100, 10_000))]
        for _ in range(10):
            delivered(stack, healthy, next(seqs), FILLING)
        grown = stack.web.rss_bytes() - before
        assert p99_s(stack, healthy, seqs) < max(2 * usual, BUSY_S)
        assert grown < min((8 << 20) + len(slow) * (64 << 10), 1 << 30)
        eventually(lambda: too_slow(stack) == len(slow), within=30)


def p99_s(stack: Stack, clients: list[socket.socket], seqs: Iterator[int]) -> float:
    """Return how long a trade takes to clients, seconds, at the 99th percentile."""
    took = [each for _ in range(ROUNDS) for each in delivered(stack, clients, next(seqs))]
    return sorted(took)[int(len(took) * 0.99)]


def delivered(stack: Stack, clients: list[socket.socket], seq: int, count: int = 1) -> list[float]:
    """Publish a batch of trades; return how long it took each client to have it, seconds."""
    ids = list(range(seq * 1000, seq * 1000 + count))
    last = b'"trade_id":%d,' % ids[-1]
    began = time.perf_counter()
    stack.publish(batch(seq, ids))
    took = []
    for client in clients:
        received = b""
        while last not in received:
            received += client.recv(1 << 16)
        took.append(time.perf_counter() - began)
    return took


def test_what_waits_for_a_client_that_was_given_up_is_given_up_too(start: Start) -> None:
    stack = start(slow_after_s=0.2, close_within_s=0.1)
    message = b'{"type":"subscribe","symbols":"*","channel":"trade"}'
    with raw(stack, message) as slow:
        for seq in range(1, 11):
            stack.publish(batch(seq, list(range(seq * 1000, seq * 1000 + 1000))))
        eventually(lambda: slow.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), within=10)


def read(client: socket.socket) -> bytes:
    """The next bytes; none once the server's close frame is the last thing that came."""
    client.settimeout(1)
    try:
        return client.recv(1 << 20)
    except TimeoutError:
        return b""


def too_slow(stack: Stack) -> int:
    processes = stack.json("/api/status")["processes"]
    return sum(p["counters"].get("ws_too_slow", 0) for p in processes if p["name"] == "web-1")


def test_a_client_without_any_sign_of_life_is_closed(start: Start) -> None:
    stack = start(ping_every_s=0.1, pong_within_s=0.3, close_within_s=0.2)
    message = b'{"type":"ping"}'
    with raw(stack, message) as frozen, stack.connect() as alive:
        begun = time.monotonic()
        received = b""
        while chunk := frozen.recv(4096):
            received += chunk
        assert time.monotonic() - begun > 0.3
        assert b"no sign of life" in received
        say(alive, "ping")
        receive(alive, "pong")


def test_a_guest_who_never_subscribes_is_closed_and_one_who_has_is_not_idle(start: Start) -> None:
    stack = start(idle_after_s=0.3)
    with subscribed(stack, symbols=["ethusdt"]) as other, stack.connect() as idle:
        with pytest.raises(ConnectionClosed) as closed:
            receive(idle, "pong")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert "0.3 s" in closed.value.rcvd.reason
        say(other, "ping")
        receive(other, "pong")


@pytest.mark.parametrize("apart", [False, True])
def test_a_restart_says_over_how_long_to_spread_the_return_and_exits_0(
    start: Start, apart: bool
) -> None:
    stack = start(apart=apart)
    with stack.connect() as client:
        receive(client, "connection_status")
        stack.web.ask_to_stop()
        with pytest.raises(ConnectionClosed) as closed:
            receive(client, "pong")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert json.loads(closed.value.rcvd.reason)["spread_ms"] >= 500
    assert stack.web.wait() == 0

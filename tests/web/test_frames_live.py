"""Everything that a real web process sends, on every stream, is of a type that the stream names."""

import http.client
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from websockets.sync.client import ClientConnection

from tests.eventually import eventually
from tests.web.messages import average, batch, candle, status, ticker
from tests.web.stack import Stack
from tests.web.strict import strictly
from web.app import streams
from web.frames import assets, native
from web.stream import Frames

_epochs = itertools.count(30_000)
CHANNELS = ("ticker", "candle", "average", "trade", "status")
COINS: list[dict[str, Any]] = [
    {"type": "unsubscribe", "coins": ["nonesuch"]},
    {"type": "subscribe", "coins": ["bitcoin", "nonesuch"]},
    {"type": "ping"},
]
ADDRESSES: dict[str, list[dict[str, Any]]] = {
    "/ws": [
        {"type": "unsubscribe", "symbols": "*"},
        *({"type": "subscribe", "symbols": "*", "channel": channel} for channel in CHANNELS),
        {"type": "subscribe", "symbols": ["nonesuch"]},
        {"type": "ping"},
        {"type": "shout"},
    ],
    "/ws?shape=assets": [
        *({"type": "subscribe", "symbols": "*", "channel": channel} for channel in CHANNELS)
    ],
    "/ws/quotes": [{"type": "hello", "pairs": ["ETHUSDT", "ETHBTC"]}],
    "/ws/prices": COINS,
    "/api/market/stream": COINS,
}
"""What is said to get every type that there is."""


def sends_of(address: str) -> Frames:
    (stream,) = [one for one in streams() if one.path == address.partition("?")[0]]
    return stream.sends


def wanted_of(address: str) -> set[type[msgspec.Struct]]:
    """The types that must come; of ``/ws`` each shape has some of its own."""
    every = set(sends_of(address))
    if address == "/ws":
        return every - set(assets.SENDS)
    if address == "/ws?shape=assets":
        return set(assets.SENDS) | {native.SnapshotFrame, native.TradeUpdateFrame}
    return every


def type_of(text: str, sends: Frames) -> type[msgspec.Struct]:
    """The one type of those that the frame is of, strictly."""
    found = []
    for kind in sends:
        if kind.__struct_config__.tag == json.loads(text)["type"]:
            try:
                strictly(text, kind)
            except msgspec.ValidationError:
                continue
            found.append(kind)
    assert len(found) == 1, text
    return found[0]


def publish(stack: Stack, epoch: int, turn: int) -> None:
    """Let something new happen on every channel: one ticker in one turn, two in the next."""
    now = time.time_ns() // 1000
    for number, symbol in enumerate(("ETH-USDT", "ETH-BTC")[: turn % 2 + 1]):
        place = 10 * turn + number
        stack.publish(ticker(symbol, epoch=epoch, seq=place, price="0.00000012", ts_recv=now))
    coin = ticker("BTC-USD", exchange="coinbase", epoch=epoch, seq=10 * turn + 5, ts_recv=now)
    stack.publish(
        *([coin] if turn % 2 else []),
        candle(n=2 + turn, seq=epoch + turn),
        average(seq=epoch + turn),
        status(state="connecting" if turn % 2 else "connected"),
        batch(turn + 1, [turn], epoch=epoch),
    )


def drained(client: ClientConnection) -> Iterator[str]:
    """What comes until nothing comes for a moment."""
    try:
        while True:
            text = client.recv(timeout=0.2)
            assert isinstance(text, str)
            yield text
    except TimeoutError:
        return


@pytest.mark.parametrize("address", ADDRESSES)
def test_all_that_comes_is_of_a_type_that_the_stream_names(stack: Stack, address: str) -> None:
    epoch, sends = next(_epochs), sends_of(address)
    seen: dict[type[msgspec.Struct], int] = defaultdict(int)
    turns = itertools.count(1)

    def all_seen() -> bool:
        publish(stack, epoch, next(turns))
        for text in drained(client):
            seen[type_of(text, sends)] += 1
        return wanted_of(address) <= set(seen)

    with stack.connect(address) as client:
        for message in ADDRESSES[address]:
            client.send(json.dumps(message))
        eventually(all_seen, within=15)


PRICES = {"tick", "price_update", "batch_update"}
EVENTS = ["/sse/quotes", "/sse?channels=ticker,candle:1m,average,status,trade"]


@pytest.mark.parametrize("address", EVENTS)
def test_all_events_are_of_a_type_that_the_stream_names(stack: Stack, address: str) -> None:
    epoch, sends = next(_epochs), sends_of(address)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=5)
    connection.request("GET", address)
    answer = connection.getresponse()
    seen: set[type[msgspec.Struct]] = set()
    for turn in itertools.count(1):
        publish(stack, epoch, turn)
        found = ""
        while found not in PRICES:  # what comes of this turn is not mixed with the next
            line = answer.readline().decode()
            if line.startswith("data: "):
                text = line.removeprefix("data: ")
                found = json.loads(text)["type"]
                seen.add(type_of(text, sends))
        if seen == set(sends):
            break
        assert turn < 100, set(sends) - seen
    connection.close()


def test_every_stream_is_listened_to_here() -> None:
    listened = {address.partition("?")[0] for address in (*ADDRESSES, *EVENTS)}
    assert {stream.path for stream in streams()} == listened

"""The types of frames say what is sent: neither they nor the codecs can change alone."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from market.symbols import Directory
from tests.web.golden import GOLDEN
from tests.web.messages import FEEDS, at
from tests.web.outbox import COUNTS, Outbox, texts
from tests.web.strict import strictly
from web.app import streams
from web.codecs.native import NativeCodec
from web.cohort import Client
from web.frames.native import PriceUpdateFrame
from web.hub import Hub
from web.limits import Limits
from web.stream import Stream
from web.streams.prices import Coins
from web.streams.quotes import pairs_of
from web.subscribe import Conversation


@pytest.mark.parametrize("name", GOLDEN)
def test_a_frame_has_the_fields_of_its_type_and_no_other(name: str) -> None:
    assert isinstance(strictly(GOLDEN[name].text, GOLDEN[name].kind), GOLDEN[name].kind)


def test_a_field_more_less_or_of_another_kind_does_not_go_through() -> None:
    text = GOLDEN["price"].text
    for damaged in (
        text.replace('"price":2346.1,', '"price":2346.1,"colour":"green",'),
        text.replace('"price":2346.1,', ""),
        text.replace('"price":2346.1,', '"price":"dear",'),
        text.replace("price_update", "price_updated"),
    ):
        assert damaged != text
        with pytest.raises((AssertionError, msgspec.ValidationError)):
            strictly(damaged, PriceUpdateFrame)
    without_origin = GOLDEN["candle"].text.replace('"origin":"trades",', "")
    with pytest.raises(AssertionError):
        strictly(without_origin, GOLDEN["candle"].kind)


@pytest.mark.parametrize("stream", streams(), ids=lambda stream: stream.path)
def test_every_type_that_a_stream_sends_is_pinned(stream: Stream) -> None:
    assert stream.sends
    assert set(stream.sends) - {golden.kind for golden in GOLDEN.values()} == set()


def _native() -> tuple[Client, Callable[[str], None]]:
    hub = Hub(stale_after_s=15)
    conversation = Conversation(hub, Directory(FEEDS), Limits(), NativeCodec(), Outbox(), COUNTS)
    return conversation.client, lambda text: conversation.hear(text, at(0))


def _prices() -> tuple[Client, Callable[[str], None]]:
    coins = Coins(Hub(stale_after_s=15), Directory(FEEDS), Limits(), Outbox(), COUNTS)
    return coins.client, lambda text: coins.hear(text, at(0))


SAID: dict[str, list[tuple[dict[str, Any], str]]] = {
    "/ws": [
        ({"type": "subscribe", "payload": {"symbols": ["ETH"], "rate_ms": 50}}, "subscribed"),
        (
            {
                "type": "subscribe",
                "payload": {"symbols": "*", "channel": "trade", "resume": {"binance": [5, 1, 0]}},
            },
            "subscribed",
        ),
        ({"type": "unsubscribe", "payload": {"symbols": ["ETH"]}}, "unsubscribed"),
        ({"type": "ping"}, "pong"),
        ({"type": "auth", "payload": {"token": "x"}}, "error"),
    ],
    "/ws/prices": [
        ({"type": "subscribe", "data": {"coins": ["bitcoin"]}}, "subscribed"),
        ({"type": "unsubscribe", "data": {"coins": ["bitcoin"]}}, "unsubscribed"),
        ({"type": "ping"}, "pong"),
    ],
}
MADE = {"/ws": _native, "/ws/prices": _prices}


@pytest.mark.parametrize("path", SAID)
def test_what_a_stream_says_that_it_hears_is_heard_and_answered(path: str) -> None:
    (stream,) = [one for one in streams() if one.path == path]
    hears = {str(kind.__struct_config__.tag): kind for kind in stream.hears}
    assert {message["type"] for message, _ in SAID[path]} == set(hears)
    for message, answered in SAID[path]:
        client, hear = MADE[path]()
        text = json.dumps(message)
        msgspec.json.decode(text, type=hears[message["type"]])
        hear(text)
        assert json.loads(texts(client.queue[0])[0])["type"] == answered


def test_a_hello_is_heard_as_its_type_says() -> None:
    (stream,) = [one for one in streams() if one.path == "/ws/quotes"]
    for text, pairs in (
        ('{"type":"hello"}', None),
        ('{"type":"hello","pairs":["ETHUSDT"]}', ["ETHUSDT"]),
        ('{"type":"hello","payload":{"pairs":["ETHUSDT"]}}', ["ETHUSDT"]),
    ):
        msgspec.json.decode(text, type=stream.hears[0])
        assert pairs_of(text) == pairs
    assert pairs_of('{"type":"HELLO"}') is None

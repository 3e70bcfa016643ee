"""What clients of the load say, and when a frame was sent."""

import json

import msgspec
import pytest

from bench.load.dialects import FLUSHED_AT, PLAIN, SENT_AT, SOCKETIO, Dialect, sent_at, subscription
from bench.peers import rhythm
from tests.web.messages import ticker
from web.codecs import native
from web.frames.native import Subscription
from web.update import Update

NOW = 1_763_671_234_567_890


def test_a_subscription_is_what_the_server_reads() -> None:
    said = json.loads(subscription(["binance:ETH-USDT"], rate_ms=50))
    assert said["type"] == "subscribe"
    payload = msgspec.convert(said["payload"], Subscription)
    assert payload.symbols == ["binance:ETH-USDT"]
    assert (payload.channel, payload.rate_ms) == ("ticker", 50)


def test_a_peers_message_says_when_it_was_made_and_has_its_size() -> None:
    for size in (60, 236, 1000):
        made = rhythm.message(size)
        assert len(made) == size
        assert sent_at(made, PLAIN.stamp.encode(), 0, size) == json.loads(made)["sent"]
    with pytest.raises(ValueError, match="20"):
        rhythm.message(20)


def test_a_tickers_frame_says_when_it_was_published_and_when_it_was_flushed() -> None:
    message = msgspec.structs.replace(ticker(), volume_24h=str(NOW))
    [text] = native.frames([Update("ticker", message)], NOW + 5_000)
    frame = text.encode()
    assert sent_at(frame, SENT_AT.encode(), 0, len(frame)) == NOW
    assert sent_at(frame, FLUSHED_AT.encode(), 0, len(frame)) == (NOW + 5_000) // 1000 * 1000


@pytest.mark.parametrize(
    "frame", [b"", b'{"sent":null}', b'{"sent":12}', b'{"sent":"yesterday"}', b'{"other":1}']
)
def test_a_frame_that_does_not_say_it_is_not_timed(frame: bytes) -> None:
    assert sent_at(frame, b'"sent":', 0, len(frame)) is None


@pytest.mark.parametrize("dialect", [PLAIN, SOCKETIO])
def test_a_dialect_crosses_to_a_load_process(dialect: Dialect) -> None:
    assert msgspec.json.decode(msgspec.json.encode(dialect), type=Dialect) == dialect

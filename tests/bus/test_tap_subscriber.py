"""A subscriber to the tap, on real sockets: messages, and words about silence."""

from collections.abc import Callable, Iterator
from contextlib import closing

import msgspec
import pytest
import zmq

from bus import tap_subscriber
from bus.errors import SettingError
from bus.sockets import Socket
from bus.tap_subscriber import Tap
from tests.surroundings import free_ports


class Enough(Exception):
    """The words that were waited for have been said."""


@pytest.fixture
def publisher() -> Iterator[Socket]:
    """An XPUB, which sees subscriptions."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as made:
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.RCVTIMEO, 15_000)
        yield made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is explained at once."""
    monkeypatch.setattr(tap_subscriber, "SILENT_S", 0.02)


def until(words: str) -> Callable[[str], None]:
    """Return what hears all that is said, and ends it once the words are."""

    def say(sentence: str) -> None:
        if words in sentence:
            raise Enough

    return say


def test_what_is_published_comes_under_its_topic_decoded(publisher: Socket) -> None:
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    with closing(Tap(f"tcp://127.0.0.1:{port}", ["trade.", "status."])) as tap:
        assert {publisher.recv(), publisher.recv()} == {b"\x01trade.", b"\x01status."}
        for topic in (b"trade.x.A-B.", b"ticker.x.A-B.", b"status.x."):
            publisher.send_multipart((topic, msgspec.msgpack.encode({"price": "1.50"})))
        messages = tap.messages(lambda sentence: None)
        assert [next(messages), next(messages)] == [
            ("trade.x.A-B.", {"price": "1.50"}),
            ("status.x.", {"price": "1.50"}),
        ]


@pytest.mark.usefixtures("hasty")
def test_silence_is_explained_by_what_has_become_of_the_connection(publisher: Socket) -> None:
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    with closing(Tap(f"tcp://127.0.0.1:{port}", [""])) as tap:
        with pytest.raises(Enough):
            next(tap.messages(until("nothing yet under that topic")))
        publisher.unbind(f"tcp://127.0.0.1:{port}")
        publisher.close()
        with pytest.raises(Enough):
            next(tap.messages(until("nobody answers there")))


@pytest.mark.usefixtures("hasty")
def test_a_host_without_an_address_is_no_connection() -> None:
    (port,) = free_ports(1)
    with (
        closing(Tap(f"tcp://no-such-host.invalid:{port}", [""])) as tap,
        pytest.raises(Enough),
    ):
        next(tap.messages(until("is the name right, is the port open?")))


def test_an_address_that_cannot_be_used_is_a_setting_error() -> None:
    with pytest.raises(SettingError, match=r"--endpoint: ipc:///x+: File name too long"):
        Tap("ipc:///" + "x" * 200, [""])
